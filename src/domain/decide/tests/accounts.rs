//! The accounts before and after a batch: what moved, for whom, and within which bounds.

use super::answer::Answered;
use super::ask::Ask;
use super::shop::{World, row};
use crate::domain::decide::Verdict;
use crate::domain::outcome::Outcome;
use crate::domain::state::{Changes, CodeGrant, CouponUse, PinFailed, PinFailure, State};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::Hash;
use std::sync::Arc;
use uuid::Uuid;

/// A state as it would be loaded again: what was granted meanwhile is the goods' own.
pub(super) fn settled(mut state: State) -> State {
    for (row, units) in std::mem::take(&mut state.granted) {
        let goods = state.goods.get_mut(&row).expect("granted goods are known");
        Arc::make_mut(goods).granted += units;
    }
    state.pin_failures.retain(|_, failures| !failures.is_empty());
    state
}

/// Jobs' keys leave no trace in a state, and neither does the order of the jobs.
pub(super) fn without_keys(mut changes: Changes) -> Changes {
    changes.codes.iter_mut().for_each(|grant| grant.key = Uuid::nil());
    changes.used.iter_mut().for_each(|used| used.key = Uuid::nil());
    changes.pin_failures.iter_mut().for_each(|failed| failed.key = Uuid::nil());
    changes.codes.sort_by_key(|grant| (grant.goods, grant.code.clone()));
    changes.used.sort_by_key(|used| (used.goods, used.code.clone()));
    changes.pin_failures.sort_by_key(|failed| (failed.client.clone(), failed.goods));
    changes.pin_resets.sort();
    changes
}

/// What lies between two settled states.
pub(super) fn difference(before: &State, after: &State) -> Changes {
    let granted = |state: &State| {
        state.goods.iter().map(|(row, goods)| (*row, goods.granted)).collect::<HashMap<_, _>>()
    };
    let balances = |state: &State| {
        let all = state.players.iter();
        let all = all.flat_map(|(p, b)| b.iter().map(|(a, n)| ((p.clone(), a.clone()), -n)));
        all.collect::<HashMap<_, _>>()
    };
    let mut changes = Changes {
        granted: moved(&granted(before), &granted(after)),
        player_usage: moved(&before.player_usage, &after.player_usage),
        client_usage: moved(&before.client_usage, &after.client_usage),
        spent: moved(&balances(before), &balances(after)),
        ..Changes::default()
    };
    difference_of_coupons(before, after, &mut changes);
    difference_of_pins(before, after, &mut changes);
    without_keys(changes)
}

fn moved<K: Clone + Eq + Hash + Ord>(
    before: &HashMap<K, i64>,
    after: &HashMap<K, i64>,
) -> BTreeMap<K, i64> {
    let rest = |(key, units): (&K, &i64)| (key.clone(), units - before.get(key).unwrap_or(&0));
    after.iter().map(rest).filter(|(_, units)| *units != 0).collect()
}

fn difference_of_coupons(before: &State, after: &State, changes: &mut Changes) {
    let key = Uuid::nil();
    for ((goods, code), coupon) in &after.coupons {
        let (goods, code) = (*goods, code.clone());
        let was = &before.coupons[&(goods, code.clone())];
        if was.holder != coupon.holder {
            assert_eq!(was.holder, None, "{code} was taken from its holder");
            let free =
                |state: &State| state.free_codes[&goods].loaded.iter().any(|f| f.code == code);
            assert!(free(before) && !free(after), "{code} is granted and free");
            let holder = coupon.holder.clone().expect("a granted code has a holder");
            let (code, valid_until) = (code.clone(), coupon.valid_until);
            changes.codes.push(CodeGrant { goods, code, key, holder, valid_until });
        }
        if was.used != coupon.used {
            assert_eq!(was.used, None, "{code} was used twice");
            let (name, at) = coupon.used.clone().expect("a used coupon says where");
            let branch = after.branches[&goods].iter().find(|branch| branch.name == name);
            let branch = branch.expect("a branch of the pool").row;
            changes.used.push(CouponUse { goods, code, key, branch, at });
        }
    }
}

fn difference_of_pins(before: &State, after: &State, changes: &mut Changes) {
    for ((client, goods), failures) in &after.pin_failures {
        let old = before.pin_failures.get(&(client.clone(), *goods)).map_or(&[][..], Vec::as_slice);
        let mut resets = BTreeSet::new();
        for (n, failure) in failures.iter().enumerate() {
            let was = old.get(n);
            if failure.forgiven && !was.is_some_and(|was| was.forgiven) {
                resets.insert((client.clone(), *goods, failure.code.clone()));
            }
            if was.is_none() {
                let failure = PinFailure { forgiven: false, ..failure.clone() };
                let (client, key) = (client.clone(), Uuid::nil());
                changes.pin_failures.push(PinFailed { client, goods: *goods, key, failure });
            }
        }
        changes.pin_resets.extend(resets);
    }
}

/// Codes, uses and wrong PINs are written under the job whose answer they are, and no others are.
pub(super) fn assert_written_for_their_jobs(asks: &[Ask], answered: &Answered) {
    let (mut codes, mut used, mut failed) = (Vec::new(), Vec::new(), Vec::new());
    for (ask, verdict) in asks.iter().zip(&answered.verdicts) {
        let whose = (ask.client, ask.key());
        match verdict {
            Verdict::Decided(Outcome::Granted(grant)) => {
                assert_eq!(grant.codes.len() as i64 == grant.amount, grant.goods.group.is_some());
                let row = grant.goods.row;
                codes
                    .extend(grant.codes.iter().map(|c| (whose, row, c.code.clone(), c.expires_at)));
            }
            Verdict::Decided(Outcome::Verified) => used.push((ask.key(), ask.job().accepted_at)),
            Verdict::Decided(Outcome::Refused(refusal)) if refusal.code().as_str() == "0608" => {
                failed.push((whose, ask.code));
            }
            _ => (),
        }
    }
    let changes = &answered.changes;
    let written = changes.codes.iter().map(|grant| {
        ((grant.holder.0.as_str(), grant.key), grant.goods, grant.code.clone(), grant.valid_until)
    });
    assert_eq!(written.collect::<Vec<_>>(), codes);
    let written = changes.used.iter().map(|coupon| (coupon.key, coupon.at));
    assert_eq!(written.collect::<Vec<_>>(), used);
    let written = changes.pin_failures.iter();
    let written = written.map(|f| ((f.client.as_str(), f.key), f.failure.code.as_str()));
    assert_eq!(written.collect::<Vec<_>>(), failed);
}

/// Nobody owes anything, no cap is passed (further than it was), no code has two holders.
pub(super) fn assert_bounds(world: &World, answered: &Answered) {
    let (before, after) = (world.state(), settled(answered.state.clone()));
    for (player, balance) in &after.players {
        assert!(balance.values().all(|units| *units >= 0), "{player:?} owes: {balance:?}");
    }
    let mut granted: Vec<_> = answered.changes.codes.iter().map(|c| (c.goods, &c.code)).collect();
    granted.sort();
    assert!(granted.windows(2).all(|pair| pair[0] != pair[1]), "a code twice: {granted:?}");

    for (place, terms) in world.goods.iter().enumerate() {
        let row = row(place);
        within(terms.quantity, before.goods[&row].granted, after.goods[&row].granted);
        for ((_, player), used) in after.player_usage.iter().filter(|(key, _)| key.0 == row) {
            let was = before.player_usage.get(&(row, player.clone())).copied();
            within(terms.per_player, was.unwrap_or(0), *used);
        }
        for ((_, client), used) in after.client_usage.iter().filter(|(key, _)| key.0 == row) {
            let was = before.client_usage.get(&(row, client.clone())).copied();
            within(terms.per_client, was.unwrap_or(0), *used);
        }
    }
}

/// A cap that was lowered may lie below what was granted before.
fn within(cap: Option<i64>, before: i64, after: i64) {
    assert!(cap.is_none_or(|cap| after <= cap.max(before)), "{after} passed {cap:?}");
}
