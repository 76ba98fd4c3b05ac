//! What a batch was loaded with, and what deciding it changed.
//!
//! [`State`] is everything the rules may look at. It is kept up to date while a batch is decided: each
//! grant is applied at once, so the next job of the batch sees it. [`Changes`] is the same grants summed
//! up per row, which is what gets written.

use super::content::Content;
use super::goods::{Asset, Goods, Scope};
use super::id::{ClientId, Id};
use super::outcome::{Cap, GrantedCode};
use super::request::Target;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use time::OffsetDateTime;
use uuid::Uuid;

/// A player of a client.
pub type Player = (ClientId, Id);

/// A result that the ledger holds.
#[derive(derive_more::Debug, Clone, PartialEq)]
pub struct Stored {
    /// Fingerprint of its job.
    pub content: Content,
    /// When that job was accepted.
    pub accepted_at: OffsetDateTime,
    /// When it was decided.
    pub decided_at: OffsetDateTime,
    /// The result message, byte for byte.
    #[debug("***")]
    pub body: String,
}

/// A code without a holder.
#[derive(derive_more::Debug, Clone, PartialEq)]
pub struct FreeCode {
    /// The code: [`Goods::coupon_key`].
    #[debug("***")]
    pub code: Id,
    /// As it is handed out, where that is another spelling.
    #[debug("***")]
    pub shown: Option<Id>,
    /// When the code itself expires.
    pub expires_at: Option<OffsetDateTime>,
}

/// The codes of a pool that the jobs of a batch may take.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FreeCodes {
    /// Earliest expiry first, those without one last.
    pub loaded: VecDeque<FreeCode>,
    /// How many more there are, which no job of the batch can take. None of them expires before the last job
    /// was accepted.
    pub beyond: i64,
}

impl FreeCodes {
    /// Index of the first code that has not expired at this instant: from there on, none has.
    fn first_valid(&self, at: OffsetDateTime) -> usize {
        self.loaded.partition_point(|code| code.expires_at.is_some_and(|end| end <= at))
    }

    fn left(&self, at: OffsetDateTime) -> i64 {
        (self.loaded.len() - self.first_valid(at)) as i64 + self.beyond
    }
}

/// A code that a merchant asks about.
#[derive(Debug, Clone, PartialEq)]
pub struct Coupon {
    /// Who holds it.
    pub holder: Option<Player>,
    /// First instant at which the holder can't use it any more.
    pub valid_until: Option<OffsetDateTime>,
    /// Branch and instant of its one use.
    pub used: Option<(String, OffsetDateTime)>,
}

/// A branch that is enabled and allowed to verify a group.
#[derive(derive_more::Debug, Clone, PartialEq)]
pub struct Branch {
    /// The row's own number.
    pub row: i64,
    /// For people.
    pub name: String,
    /// Which secret its PIN was hashed with.
    pub key_id: String,
    /// Keyed hash of the PIN.
    #[debug("***")]
    pub pin_hash: String,
}

/// One wrong PIN.
#[derive(derive_more::Debug, Clone, PartialEq)]
pub struct PinFailure {
    /// The coupon at which it was tried.
    #[debug("***")]
    pub code: Id,
    /// accepted_at of that job.
    pub at: OffsetDateTime,
    /// A right PIN has come for this coupon since.
    pub forgiven: bool,
}

/// All that the rules may look at.
#[derive(derive_more::Debug, Clone, Default, PartialEq)]
pub struct State {
    /// Known clients, and since when they are disabled.
    pub clients: HashMap<ClientId, Option<OffsetDateTime>>,
    /// Jobs of this batch that were decided before.
    pub stored_results: HashMap<(ClientId, Uuid), Arc<Stored>>,
    /// Goods by row number.
    pub goods: HashMap<i64, Arc<Goods>>,
    /// Row numbers by the names that callers use.
    pub names: HashMap<(Scope, Target), i64>,
    /// Known players and what they own.
    pub players: HashMap<Player, BTreeMap<Asset, i64>>,
    /// Units granted by goods and player, where there is a limit.
    pub player_usage: HashMap<(i64, Player), i64>,
    /// Units granted by goods and client, where there is a cap.
    pub client_usage: HashMap<(i64, ClientId), i64>,
    /// Codes to grant by goods.
    pub free_codes: HashMap<i64, FreeCodes>,
    /// Codes to verify by [`Goods::coupon_key`], held or not: one may find its holder in this very batch.
    #[debug("***")]
    pub coupons: HashMap<(i64, Id), Coupon>,
    /// Branches by goods.
    pub branches: HashMap<i64, Vec<Branch>>,
    /// Wrong PINs by client and goods, from before and after the instants that are judged: jobs need
    /// not come in the order in which they were accepted.
    pub pin_failures: HashMap<(ClientId, i64), Vec<PinFailure>>,
    /// Units granted while deciding, on top of what the goods were loaded with.
    pub granted: HashMap<i64, i64>,
}

/// A code that found its holder.
#[derive(derive_more::Debug, Clone, PartialEq)]
pub struct CodeGrant {
    /// The pool.
    pub goods: i64,
    /// The code.
    #[debug("***")]
    pub code: Id,
    /// The job that granted it.
    pub key: Uuid,
    /// Who holds it now.
    pub holder: Player,
    /// First instant at which the holder can't use it any more.
    pub valid_until: Option<OffsetDateTime>,
}

/// A coupon used up.
#[derive(derive_more::Debug, Clone, PartialEq)]
pub struct CouponUse {
    /// The pool.
    pub goods: i64,
    /// The code.
    #[debug("***")]
    pub code: Id,
    /// The job that used it.
    pub key: Uuid,
    /// At which branch.
    pub branch: i64,
    /// accepted_at of that job.
    pub at: OffsetDateTime,
}

/// A wrong PIN to be counted.
#[derive(Debug, Clone, PartialEq)]
pub struct PinFailed {
    /// Whose.
    pub client: ClientId,
    /// At which pool.
    pub goods: i64,
    /// By which job: one job counts once.
    pub key: Uuid,
    /// Coupon and instant.
    pub failure: PinFailure,
}

/// What has to be written, one entry a row.
#[derive(derive_more::Debug, Clone, Default, PartialEq)]
pub struct Changes {
    /// Units by goods.
    pub granted: BTreeMap<i64, i64>,
    /// Units by goods and player.
    pub player_usage: BTreeMap<(i64, Player), i64>,
    /// Units by goods and client.
    pub client_usage: BTreeMap<(i64, ClientId), i64>,
    /// What players paid.
    pub spent: BTreeMap<(Player, Asset), i64>,
    /// Codes that found their holder.
    pub codes: Vec<CodeGrant>,
    /// Coupons used up.
    pub used: Vec<CouponUse>,
    /// Wrong PINs.
    pub pin_failures: Vec<PinFailed>,
    /// Coupons whose wrong PINs are forgiven.
    #[debug("***")]
    pub pin_resets: Vec<(ClientId, i64, Id)>,
}

/// A grant that has passed every check.
#[derive(Debug)]
pub struct NewGrant<'a> {
    /// The goods.
    pub goods: &'a Goods,
    /// For whom.
    pub player: &'a Player,
    /// Units.
    pub amount: i64,
    /// The job.
    pub key: Uuid,
    /// Its instant.
    pub accepted_at: OffsetDateTime,
}

impl State {
    /// The goods that a caller means.
    pub fn find(&self, scope: &Scope, target: &Target) -> Option<&Arc<Goods>> {
        self.names.get(&(scope.clone(), target.clone())).and_then(|row| self.goods.get(row))
    }

    /// What is left under a cap, given how much of it was used.
    pub(super) fn left(limit: i64, used: i64) -> i64 {
        (limit - used).max(0)
    }

    /// Units of the stock that are left; none where there is no bound.
    pub fn stock_left(&self, goods: &Goods, at: OffsetDateTime) -> Option<(Cap, i64)> {
        if goods.group.is_some() {
            // The pool's own end, or its days, may leave no code of it alive at all.
            let expired = goods.coupon_expiry(None, at).is_some_and(|end| end <= at);
            let codes = self.free_codes.get(&goods.row).filter(|_| !expired);
            return Some((Cap::Codes, codes.map_or(0, |codes| codes.left(at))));
        }
        let granted = goods.granted + self.granted.get(&goods.row).unwrap_or(&0);
        goods.quantity.map(|quantity| (Cap::Stock, Self::left(quantity, granted)))
    }

    /// Applies a grant; returns the codes that went with it.
    pub fn apply(&mut self, grant: &NewGrant<'_>, changes: &mut Changes) -> Vec<GrantedCode> {
        let NewGrant { goods, player, amount, .. } = grant;
        *self.granted.entry(goods.row).or_default() += amount;
        *changes.granted.entry(goods.row).or_default() += amount;
        if goods.per_player.is_some() {
            let usage = (goods.row, (*player).clone());
            *self.player_usage.entry(usage.clone()).or_default() += amount;
            *changes.player_usage.entry(usage).or_default() += amount;
        }
        if goods.per_client.is_some() {
            let usage = (goods.row, player.0.clone());
            *self.client_usage.entry(usage.clone()).or_default() += amount;
            *changes.client_usage.entry(usage).or_default() += amount;
        }
        for (asset, each) in goods.price.parts() {
            if let Some(balance) = self.players.get_mut(*player).and_then(|b| b.get_mut(asset)) {
                *balance -= each * amount;
            }
            *changes.spent.entry(((*player).clone(), asset.clone())).or_default() += each * amount;
        }
        if goods.group.is_some() { self.take_codes(grant, changes) } else { Vec::new() }
    }

    fn take_codes(&mut self, grant: &NewGrant<'_>, changes: &mut Changes) -> Vec<GrantedCode> {
        let NewGrant { goods, player, amount, key, accepted_at } = grant;
        let Some(codes) = self.free_codes.get_mut(&goods.row) else { return Vec::new() };
        let first = codes.first_valid(*accepted_at);
        let taken: Vec<FreeCode> = codes.loaded.drain(first..first + *amount as usize).collect();
        let mut granted = Vec::with_capacity(taken.len());
        for FreeCode { code, shown, expires_at } in taken {
            let valid_until = goods.coupon_expiry(expires_at, *accepted_at);
            if let Some(coupon) = self.coupons.get_mut(&(goods.row, code.clone())) {
                coupon.holder = Some((*player).clone());
                coupon.valid_until = valid_until;
            }
            changes.codes.push(CodeGrant {
                goods: goods.row,
                code: code.clone(),
                key: *key,
                holder: (*player).clone(),
                valid_until,
            });
            granted.push(GrantedCode { code: shown.unwrap_or(code), expires_at: valid_until });
        }
        granted
    }
}
