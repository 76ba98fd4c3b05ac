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
    let player = (job.client.clone(), redeem.player.clone());
    let balances = state.players.get(&player).ok_or(Refusal::NoSuchPlayer)?;
    let goods = state.find(&redeem.scope, &redeem.target).ok_or(Refusal::NoSuchGoods)?;
    let amount = redeem.amount;

    check_player_limit(state, goods, &player, amount)?;
    if !goods.is_open_at(job.accepted_at) {
        return Err(Refusal::OutsideWindow);
    }
    check_stock(state, goods, job, amount)?;
    check_client_cap(state, goods, &player, amount)?;
    check_price(balances, goods, amount)?;

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

fn check_player_limit(
    state: &State,
    goods: &Goods,
    player: &Player,
    amount: i64,
) -> Result<(), Refusal> {
    let Some(limit) = goods.per_player else { return Ok(()) };
    let used = state.player_usage.get(&(goods.row, player.clone())).unwrap_or(&0);
    enough(Cap::PerPlayer, State::left(limit, *used), amount).map_err(Refusal::PlayerLimit)
}

fn check_stock(state: &State, goods: &Goods, job: &Job, amount: i64) -> Result<(), Refusal> {
    let Some((cap, left)) = state.stock_left(goods, job.accepted_at) else { return Ok(()) };
    enough(cap, left, amount).map_err(Refusal::NotEnoughGoods)
}

fn check_client_cap(
    state: &State,
    goods: &Goods,
    player: &Player,
    amount: i64,
) -> Result<(), Refusal> {
    let Some(limit) = goods.per_client else { return Ok(()) };
    let used = state.client_usage.get(&(goods.row, player.0.clone())).unwrap_or(&0);
    enough(Cap::PerClient, State::left(limit, *used), amount).map_err(Refusal::NotEnoughGoods)
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
