//! The parameters of the five operations, parsed once at each edge.

use super::content::Content;
use super::goods::{AMOUNT_MAX, Scope};
use super::id::{ClientId, Id};
use super::operation::Operation;
use super::outcome::Refusal;
use super::params::{Given, Params};
use super::visible::Invisible;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// How a redeem names what it wants.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Target {
    /// By goods id.
    Goods(Id),
    /// By the name of a code pool.
    Group(Id),
}

/// A readable request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// Any of the four redeem operations.
    Redeem(Redeem),
    /// A merchant's verification.
    Verify(Verify),
}

/// Units or codes for a player.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redeem {
    /// Whose goods.
    pub scope: Scope,
    /// Which goods.
    pub target: Target,
    /// For whom.
    pub player: Id,
    /// How many.
    pub amount: i64,
}

/// One coupon at a merchant's till.
#[derive(derive_more::Debug, Clone, PartialEq, Eq)]
pub struct Verify {
    /// The pool's name.
    pub group: Id,
    /// The coupon.
    #[debug("***")]
    pub code: Id,
    /// Keyed hashes of the PIN by key id, one for each configured secret.
    #[debug("***")]
    pub pin_hashes: BTreeMap<String, String>,
}

/// Most hashes of a PIN in one message, and so most secrets that may be in force. Under each key a
/// publisher could hash another guess, and the lot counts as one wrong PIN.
pub const PIN_HASHES_MAX: usize = 4;

/// What parsing found wrong, collected so that one answer names all of it.
#[derive(Default)]
struct Faults {
    missing: Vec<&'static str>,
    unacceptable: Vec<&'static str>,
    /// The first that is unacceptable because of a character that nobody sees.
    invisible: Option<(&'static str, Invisible)>,
}

impl Faults {
    fn take<T>(&mut self, name: &'static str, given: Given<T>) -> Option<T> {
        match given {
            Given::Good(value) => return Some(value),
            Given::Missing => self.missing.push(name),
            Given::Unacceptable => self.unacceptable.push(name),
            Given::Invisible(at) => {
                self.unacceptable.push(name);
                self.invisible.get_or_insert((name, at));
            }
        }
        None
    }

    fn refusal(self) -> Refusal {
        if !self.missing.is_empty() {
            Refusal::Missing(self.missing)
        } else if let Some((name, at)) = self.invisible {
            Refusal::Invisible { unacceptable: self.unacceptable, name, at }
        } else if self.unacceptable == ["goods_id"] {
            Refusal::InvalidGoodsId
        } else {
            Refusal::Unacceptable(self.unacceptable)
        }
    }
}

impl Request {
    /// Reads the parameters of an operation. The PIN is expected as `pin_hashes`; one in the clear
    /// (`pin_code`) is unacceptable here, since it must not travel.
    ///
    /// # Errors
    /// The refusal names every parameter that is missing, else every one that is not acceptable.
    pub fn parse(
        operation: Operation,
        client: &ClientId,
        params: &Params,
    ) -> Result<Self, Refusal> {
        let mut faults = Faults::default();
        let request = match operation {
            Operation::Verify => parse_verify(params, &mut faults).map(Request::Verify),
            Operation::Goods | Operation::GoodsGroup => {
                parse_redeem(operation, Scope::Client(client.clone()), params, &mut faults)
            }
            Operation::Sponsor | Operation::SponsorGroup => {
                parse_redeem(operation, Scope::Sponsored, params, &mut faults)
            }
        };
        request.ok_or_else(|| faults.refusal())
    }

    /// The parameters as they travel in a message.
    pub fn to_params(&self) -> Value {
        match self {
            Request::Redeem(Redeem { target, player, amount, .. }) => {
                let (name, id) = match target {
                    Target::Goods(id) => ("goods_id", id),
                    Target::Group(id) => ("group", id),
                };
                json!({name: id.as_str(), "player_id": player.as_str(), "amount": amount})
            }
            Request::Verify(Verify { group, code, pin_hashes }) => json!({
                "goods_group": group.as_str(), "coupon_code": code.as_str(), "pin_hashes": pin_hashes,
            }),
        }
    }

    /// Fingerprint of what is asked, without the PIN: equal for form and JSON, and for every retry.
    pub fn content(&self, operation: Operation) -> Content {
        match self {
            Request::Redeem(Redeem { target, player, amount, .. }) => {
                let (Target::Goods(id) | Target::Group(id)) = target;
                Content::of(operation, &[id.as_str(), player.as_str(), &amount.to_string()])
            }
            Request::Verify(Verify { group, code, .. }) => {
                Content::of(operation, &[group.as_str(), code.as_str()])
            }
        }
    }

    /// What it contends for with others, as far as it tells itself: equal for all that ask for the same
    /// goods, or for codes of the same group. (Goods that name a pool, and coupons of a sponsor's group,
    /// share rows with others under another name.)
    pub fn contends_for(&self, client: &ClientId) -> String {
        let (scope, kind, name) = match self {
            Request::Redeem(Redeem { scope, target, .. }) => match target {
                Target::Goods(id) => (scope.as_str(), "goods", id),
                Target::Group(id) => (scope.as_str(), "group", id),
            },
            Request::Verify(Verify { group, .. }) => (client.as_str(), "group", group),
        };
        format!("{scope}/{kind}/{name}")
    }

    /// Units asked for: what bounds the work of a batch beside the number of its jobs.
    pub fn units(&self) -> i64 {
        match self {
            Request::Redeem(redeem) => redeem.amount,
            Request::Verify(_) => 1,
        }
    }
}

fn parse_redeem(
    operation: Operation,
    scope: Scope,
    params: &Params,
    faults: &mut Faults,
) -> Option<Request> {
    let by_group = matches!(operation, Operation::GoodsGroup | Operation::SponsorGroup);
    let name = if by_group { "group" } else { "goods_id" };
    let target = faults.take(name, params.id(name));
    let player = faults.take("player_id", params.id("player_id"));
    let amount = faults.take("amount", params.whole("amount", 1..=AMOUNT_MAX));
    let target = if by_group { Target::Group(target?) } else { Target::Goods(target?) };
    Some(Request::Redeem(Redeem { scope, target, player: player?, amount: amount? }))
}

fn parse_verify(params: &Params, faults: &mut Faults) -> Option<Verify> {
    let group = faults.take("goods_group", params.id("goods_group"));
    let code = faults.take("coupon_code", params.id("coupon_code"));
    let pin = match (params.texts("pin_hashes"), params.text("pin_code")) {
        (Given::Missing, Given::Good(_) | Given::Unacceptable | Given::Invisible(_)) => {
            Given::Unacceptable
        }
        (given, _) => given,
    };
    let pin = match pin {
        Given::Good(hashes) if hashes.len() > PIN_HASHES_MAX => Given::Unacceptable,
        given => given,
    };
    let pin_hashes = faults.take("pin_code", pin);
    Some(Verify { group: group?, code: code?, pin_hashes: pin_hashes? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(operation: Operation, text: &str) -> Result<Request, Refusal> {
        let client = ClientId::parse("acme").expect("a client id");
        Request::parse(operation, &client, &serde_json::from_str(text).expect("an object"))
    }

    #[test]
    fn every_missing_name_is_listed_before_any_unacceptable_one() {
        for (operation, text, expected) in [
            (Operation::Goods, "{}", Refusal::Missing(vec!["goods_id", "player_id", "amount"])),
            (
                Operation::SponsorGroup,
                r#"{"amount":-5}"#,
                Refusal::Missing(vec!["group", "player_id"]),
            ),
            (
                Operation::Verify,
                r#"{"coupon_code":" ","pin_code":null}"#,
                Refusal::Missing(vec!["goods_group", "coupon_code", "pin_code"]),
            ),
            (
                Operation::Goods,
                r#"{"goods_id":"a\u0000","player_id":7,"amount":-5}"#,
                Refusal::Unacceptable(vec!["goods_id", "player_id", "amount"]),
            ),
            (
                Operation::Goods,
                r#"{"goods_id":"a\u0000","player_id":"p","amount":1}"#,
                Refusal::InvalidGoodsId,
            ),
            (
                Operation::Goods,
                r#"{"goods_id":"g","player_id":" p\u200b","amount":0}"#,
                Refusal::Invisible {
                    unacceptable: vec!["player_id", "amount"],
                    name: "player_id",
                    at: Invisible { character: '\u{200b}', place: 2 },
                },
            ),
            (
                Operation::Verify,
                r#"{"goods_group":"g","coupon_code":"c","pin_code":"1234567"}"#,
                Refusal::Unacceptable(vec!["pin_code"]),
            ),
        ] {
            assert_eq!(parse(operation, text), Err(expected), "{text}");
        }
    }

    #[test]
    fn one_message_can_carry_four_hashes_of_a_pin_and_not_five() {
        let verify = |hashes: usize| {
            let hashes: BTreeMap<String, &str> =
                (0..hashes).map(|i| (i.to_string(), "h")).collect();
            let text = json!({"goods_group": "g", "coupon_code": "c", "pin_hashes": hashes});
            parse(Operation::Verify, &text.to_string())
        };
        assert!(verify(4).is_ok());
        assert_eq!(verify(5), Err(Refusal::Unacceptable(vec!["pin_code"])));
    }

    #[test]
    fn a_request_survives_its_own_message() {
        for (operation, text) in [
            (Operation::Goods, r#"{"goods_id":"g","player_id":"p","amount":"2"}"#),
            (Operation::SponsorGroup, r#"{"group":"g","player_id":"p","amount":1}"#),
            (Operation::Verify, r#"{"goods_group":"g","coupon_code":"c","pin_hashes":{"k":"h"}}"#),
        ] {
            let request = parse(operation, text).expect("acceptable");
            let again = parse(operation, &request.to_params().to_string());
            assert_eq!(again.as_ref(), Ok(&request));
        }
    }

    #[test]
    fn jobs_of_all_clients_for_the_same_goods_contend_unless_the_goods_are_their_own() {
        let contends = |client: &str, operation, text: &str| {
            let client = ClientId::parse(client).expect("a client id");
            let params = serde_json::from_str(text).expect("an object");
            let request = Request::parse(operation, &client, &params).expect("acceptable");
            request.contends_for(&client)
        };
        let mug =
            |player: &str| format!(r#"{{"goods_id":"mug","player_id":"{player}","amount":1}}"#);
        let group = r#"{"group":"mug","player_id":"p","amount":1}"#;
        let verify = r#"{"goods_group":"mug","coupon_code":"c","pin_hashes":{"k":"h"}}"#;
        let of_acme = contends("acme", Operation::Goods, &mug("p"));
        assert_eq!(of_acme, contends("acme", Operation::Goods, &mug("q")));
        assert_ne!(of_acme, contends("zeta", Operation::Goods, &mug("p")));
        assert_ne!(of_acme, contends("acme", Operation::GoodsGroup, group));
        let sponsored = contends("acme", Operation::Sponsor, &mug("p"));
        assert_eq!(sponsored, contends("zeta", Operation::Sponsor, &mug("p")));
        assert_ne!(sponsored, of_acme);
        let own_codes = contends("acme", Operation::GoodsGroup, group);
        assert_eq!(own_codes, contends("acme", Operation::Verify, verify));
        // Nor does a lane depend on the code: in a pool that folds case, two spellings are one coupon.
        let other = verify.replace(r#":"c""#, r#":"C""#);
        assert_eq!(own_codes, contends("acme", Operation::Verify, &other));
    }

    #[test]
    fn content_tells_operations_and_fields_apart_but_not_pins() {
        let redeem = |op, text: &str| parse(op, text).expect("acceptable").content(op);
        let a = redeem(Operation::Goods, r#"{"goods_id":"g","player_id":"p","amount":1}"#);
        assert_eq!(
            a,
            redeem(Operation::Goods, r#"{"amount":"01","player_id":"p","goods_id":"g"}"#)
        );
        assert_ne!(a, redeem(Operation::Sponsor, r#"{"goods_id":"g","player_id":"p","amount":1}"#));
        assert_ne!(a, redeem(Operation::Goods, r#"{"goods_id":"gp","player_id":"1","amount":1}"#));
        let verify = |pin| {
            redeem(
                Operation::Verify,
                &format!(r#"{{"goods_group":"g","coupon_code":"c","pin_hashes":{{"k":"{pin}"}}}}"#),
            )
        };
        assert_eq!(verify("one"), verify("two"));
    }
}
