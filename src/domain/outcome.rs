//! What a job came to: a closed list, each with its code and its facts.

use super::code::Code;
use super::goods::{Asset, Goods};
use super::id::Id;
use super::visible::Invisible;
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use time::OffsetDateTime;

/// The decision on one job.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// Units or codes were granted and paid for.
    Granted(Grant),
    /// The coupon is now used up.
    Verified,
    /// It had been used up before; a success envelope that says so.
    VerifiedBefore {
        /// Name of the branch that did.
        branch: String,
        /// When.
        at: OffsetDateTime,
    },
    /// Nothing changed.
    Refused(Refusal),
}

/// What a player received.
#[derive(Debug, Clone, PartialEq)]
pub struct Grant {
    /// The goods as they were.
    pub goods: Arc<Goods>,
    /// Units.
    pub amount: i64,
    /// The codes, as many as units, for a pool.
    pub codes: Vec<GrantedCode>,
}

/// A coupon code and its end.
#[derive(derive_more::Debug, Clone, PartialEq)]
pub struct GrantedCode {
    /// The code as it was imported.
    #[debug("***")]
    pub code: Id,
    /// First instant at which it can't be verified any more.
    pub expires_at: Option<OffsetDateTime>,
}

/// A bound that a job ran into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cap {
    /// Units of the goods.
    Stock,
    /// Codes in the pool.
    Codes,
    /// Units for one player.
    PerPlayer,
    /// Units for all players of one client.
    PerClient,
    /// The player's balance.
    Balance(Asset),
}

impl fmt::Display for Cap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Cap::Stock => f.write_str("stock"),
            Cap::Codes => f.write_str("codes"),
            Cap::PerPlayer => f.write_str("per_player"),
            Cap::PerClient => f.write_str("per_client"),
            Cap::Balance(asset) => asset.fmt(f),
        }
    }
}

/// Which bound, what was left under it, and what the job would have needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Short {
    /// The bound.
    pub cap: Cap,
    /// Left at the time of the decision.
    pub left: i64,
    /// Needed for the whole amount.
    pub needed: i64,
}

/// Why nothing was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// These parameters are absent or blank.
    Missing(Vec<&'static str>),
    /// These parameters are not acceptable.
    Unacceptable(Vec<&'static str>),
    /// The same, and a character that nobody sees in the parameter `name`.
    Invisible { unacceptable: Vec<&'static str>, name: &'static str, at: Invisible },
    /// The goods id is no id.
    InvalidGoodsId,
    /// Accepted longer ago than the operator judges.
    TooOld,
    /// Accepted after the client was disabled, or the client is unknown.
    ClientDisabled,
    /// The player was never imported.
    NoSuchPlayer,
    /// Neither among the client's goods, nor (for sponsor operations) among the sponsored.
    NoSuchGoods,
    /// The player's limit.
    PlayerLimit(Short),
    /// Before its start or from its end on.
    OutsideWindow,
    /// Stock, codes or the client's cap.
    NotEnoughGoods(Short),
    /// Points.
    NotEnoughPoints(Short),
    /// Badges.
    NotEnoughBadges(Vec<Short>),
    /// Custom currencies.
    NotEnoughCustom(Vec<Short>),
    /// No such group, or no such code in it.
    NoSuchCoupon,
    /// No player of this client holds it.
    CouponNotIssued,
    /// It has expired.
    CouponExpired,
    /// Too many wrong PINs.
    PinLocked,
    /// No enabled and allowed branch has this PIN.
    BranchRefused,
}

impl Refusal {
    /// The code that callers compare with.
    pub fn code(&self) -> Code {
        match self {
            Refusal::Missing(_) => Code::MissingParameter,
            Refusal::Invisible { unacceptable, .. } if unacceptable == &["goods_id"] => {
                Code::InvalidGoodsId
            }
            Refusal::Unacceptable(_) | Refusal::Invisible { .. } => Code::InvalidParameter,
            Refusal::InvalidGoodsId => Code::InvalidGoodsId,
            Refusal::TooOld => Code::TooOld,
            Refusal::ClientDisabled => Code::ClientDisabled,
            Refusal::NoSuchPlayer => Code::NoSuchPlayer,
            Refusal::NoSuchGoods => Code::NoSuchGoods,
            Refusal::PlayerLimit(_) => Code::PlayerLimit,
            Refusal::OutsideWindow => Code::OutsideWindow,
            Refusal::NotEnoughGoods(_) => Code::NotEnoughGoods,
            Refusal::NotEnoughPoints(_) => Code::NotEnoughPoints,
            Refusal::NotEnoughBadges(_) => Code::NotEnoughBadges,
            Refusal::NotEnoughCustom(_) => Code::NotEnoughCustom,
            Refusal::NoSuchCoupon => Code::NoSuchCoupon,
            Refusal::CouponNotIssued => Code::CouponNotIssued,
            Refusal::CouponExpired => Code::CouponUnavailable,
            Refusal::PinLocked => Code::TooManyRequests,
            Refusal::BranchRefused => Code::BranchRefused,
        }
    }

    /// The message, with the names that it is about.
    pub fn message(&self) -> Cow<'static, str> {
        match self {
            Refusal::Missing(names) | Refusal::Unacceptable(names) => {
                self.code().message_about(names).into()
            }
            Refusal::Invisible { unacceptable, name, at } => {
                format!("{} : {name}: {at}", self.code().message_about(unacceptable)).into()
            }
            Refusal::NotEnoughCustom(shorts) => {
                let names: Vec<&str> = shorts.iter().filter_map(Short::custom_name).collect();
                self.code().message_about(&names).into()
            }
            _ => self.code().message().into(),
        }
    }

    /// The bounds that refused, for those that were bounds.
    pub fn shorts(&self) -> &[Short] {
        match self {
            Refusal::PlayerLimit(short)
            | Refusal::NotEnoughGoods(short)
            | Refusal::NotEnoughPoints(short) => std::slice::from_ref(short),
            Refusal::NotEnoughBadges(shorts) | Refusal::NotEnoughCustom(shorts) => shorts,
            _ => &[],
        }
    }
}

impl Short {
    fn custom_name(&self) -> Option<&str> {
        match &self.cap {
            Cap::Balance(Asset::Custom(id)) => Some(id.as_str()),
            _ => None,
        }
    }
}

impl Outcome {
    /// The code that callers compare with.
    pub fn code(&self) -> Code {
        match self {
            Outcome::Granted(_) | Outcome::Verified | Outcome::VerifiedBefore { .. } => {
                Code::Success
            }
            Outcome::Refused(refusal) => refusal.code(),
        }
    }

    /// The message of the envelope.
    pub fn message(&self) -> Cow<'static, str> {
        match self {
            Outcome::Refused(refusal) => refusal.message(),
            _ => Code::Success.message().into(),
        }
    }
}
