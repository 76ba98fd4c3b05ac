//! The four redeem operations. The order of the checks is the contract's.

use crate::domain::goods::{Asset, Goods};
use crate::domain::job::Job;
use crate::domain::outcome::{Cap, Grant, Outcome, Refusal, Short};
use crate::domain::request::Redeem;
use crate::domain::state::{Changes, NewGrant, Player, State};
use std::collections::BTreeMap;
use std::sync::Arc;

/// All or nothing: either every check passes and the grant is applied, or nothing changes.
pub(super) fn decide(
    job: &Job,
    redeem: &Redeem,
    state: &mut State,
    changes: &mut Changes,
) -> Result<Outcome, Refusal> {
    let terms = terms(job, redeem, state)?;
    terms.until_stock(job)?;
    terms.check_stock(job)?;
    terms.after_stock()?;

    let Terms { player, goods, amount, .. } = terms;
    let goods = Arc::clone(goods);
    let grant = NewGrant {
        goods: &goods,
        player: &player,
        amount,
        key: job.key,
        accepted_at: job.accepted_at,
    };
    let codes = state.apply(&grant, changes);
    Ok(Outcome::Granted(Grant { goods, amount, codes }))
}

/// Who wants what, and what he has for it.
pub(super) struct Terms<'a> {
    state: &'a State,
    player: Player,
    balances: &'a BTreeMap<Asset, i64>,
    pub(super) goods: &'a Arc<Goods>,
    amount: i64,
}

/// The terms of a job whose player and goods are known.
pub(super) fn terms<'a>(
    job: &Job,
    redeem: &Redeem,
    state: &'a State,
) -> Result<Terms<'a>, Refusal> {
    let player = (job.client.clone(), redeem.player.clone());
    let balances = state.players.get(&player).ok_or(Refusal::NoSuchPlayer)?;
    let goods = state.find(&redeem.scope, &redeem.target).ok_or(Refusal::NoSuchGoods)?;
    Ok(Terms { state, player, balances, goods, amount: redeem.amount })
}

impl Terms<'_> {
    /// The checks before that of the stock.
    pub(super) fn until_stock(&self, job: &Job) -> Result<(), Refusal> {
        self.check_player_limit()?;
        if self.goods.is_open_at(job.accepted_at) { Ok(()) } else { Err(Refusal::OutsideWindow) }
    }

    /// The checks after that of the stock.
    pub(super) fn after_stock(&self) -> Result<(), Refusal> {
        self.check_client_cap()?;
        check_price(self.balances, self.goods, self.amount)
    }

    fn check_player_limit(&self) -> Result<(), Refusal> {
        let Some(limit) = self.goods.per_player else { return Ok(()) };
        let usage = (self.goods.row, self.player.clone());
        let used = self.state.player_usage.get(&usage).unwrap_or(&0);
        enough(Cap::PerPlayer, State::left(limit, *used), self.amount).map_err(Refusal::PlayerLimit)
    }

    fn check_stock(&self, job: &Job) -> Result<(), Refusal> {
        let stock = self.state.stock_left(self.goods, job.accepted_at);
        let Some((cap, left)) = stock else { return Ok(()) };
        enough(cap, left, self.amount).map_err(Refusal::NotEnoughGoods)
    }

    fn check_client_cap(&self) -> Result<(), Refusal> {
        let Some(limit) = self.goods.per_client else { return Ok(()) };
        let usage = (self.goods.row, self.player.0.clone());
        let used = self.state.client_usage.get(&usage).unwrap_or(&0);
        enough(Cap::PerClient, State::left(limit, *used), self.amount)
            .map_err(Refusal::NotEnoughGoods)
    }
}

/// Points before badges before custom currencies; within a kind, everything that is short is named.
fn check_price(balances: &BTreeMap<Asset, i64>, goods: &Goods, amount: i64) -> Result<(), Refusal> {
    let mut badges = Vec::new();
    let mut customs = Vec::new();
    for (asset, each) in goods.price.parts() {
        let left = *balances.get(asset).unwrap_or(&0);
        if let Err(short) = enough(Cap::Balance(asset.clone()), left, each * amount) {
            match asset {
                Asset::Point => return Err(Refusal::NotEnoughPoints(short)),
                Asset::Badge(_) => badges.push(short),
                Asset::Custom(_) => customs.push(short),
            }
        }
    }
    if !badges.is_empty() {
        return Err(Refusal::NotEnoughBadges(badges));
    }
    if !customs.is_empty() {
        return Err(Refusal::NotEnoughCustom(customs));
    }
    Ok(())
}

fn enough(cap: Cap, left: i64, needed: i64) -> Result<(), Short> {
    if needed <= left { Ok(()) } else { Err(Short { cap, left, needed }) }
}
