//! Random worlds and batches, so small that their jobs are always in each other's way.

use super::ask::Ask;
use super::shop::{Code, DAY, Name, Row, World, WrongPin, own, pool, sponsored};
use crate::domain::operation::Operation;
use proptest::collection::vec;
use proptest::option::weighted;
use proptest::prelude::*;
use proptest::sample::{Index, select};

/// Around every bound there is: the window of PINs, a coupon's days, the future.
const INSTANTS: [i64; 10] = [-DAY - 1, -DAY, -900, -899, -1, 0, 0, 1, 60, 61];
/// The first three are the ones asked about, and mostly held.
const CODES: [Name; 8] = ["A", "B", "C", "D", "E", "F", "G", "H"];
const PLAYERS: [(Name, Name); 4] =
    [("acme", "ann"), ("acme", "bob"), ("bolt", "ann"), ("gone", "ann")];
const PIN_KEYS: [&[Name]; 4] = [&["new", "old"], &["new", "old"], &["old"], &["new"]];
const POOLS: [usize; 3] = [3, 4, 5];

/// What a batch is tried on: the world, the jobs, and after which of them the batch is cut.
pub(super) type Case = (World, Vec<Ask>, Vec<bool>);

pub(super) fn cases() -> impl Strategy<Value = Case> {
    let asks = (vec(ask(), 1..=34), vec(repeat(), 0..=6));
    (world(), asks, vec(any::<bool>(), 40)).prop_map(|(world, (mut asks, repeats), cuts)| {
        for (from, to, amount, pin) in repeats {
            let again = Ask { pin, ..*from.get(&asks) };
            let place = to.index(asks.len() + 1);
            asks.insert(place, Ask { amount: amount.unwrap_or(again.amount), ..again });
        }
        (world, asks, cuts)
    })
}

/// Which job comes again and where; a few with other content, so that the id is reused.
fn repeat() -> impl Strategy<Value = (Index, Index, Option<i64>, Name)> {
    (any::<Index>(), any::<Index>(), weighted(0.2, 1..4i64), one_of(&["pin-1", "wrong"]))
}

fn one_of<T: Copy + std::fmt::Debug + 'static>(values: &'static [T]) -> impl Strategy<Value = T> {
    select(values)
}

fn weighed<T: Copy + std::fmt::Debug + 'static>(
    values: &[(usize, T)],
) -> impl Strategy<Value = T> + use<T> {
    select(values.iter().flat_map(|&(weight, value)| vec![value; weight]).collect::<Vec<_>>())
}

fn ask() -> impl Strategy<Value = Ask> {
    use Operation::{Goods, GoodsGroup, Sponsor, SponsorGroup, Verify};
    let whose = weighed(&[(12, "acme"), (6, "bolt"), (1, "gone"), (1, "nobody")]);
    let what = weighed(&[
        (4, (Goods, "mug")),
        (4, (Sponsor, "cap")),
        (2, (Goods, "vip")),
        (2, (Sponsor, "bus")),
        (3, (GoodsGroup, "coffee")),
        (3, (SponsorGroup, "coffee")),
        (2, (SponsorGroup, "travel")),
        (8, (Verify, "coffee")),
        (3, (Verify, "travel")),
        (1, (Goods, "cap")),
        (1, (Sponsor, "mug")),
        (1, (GoodsGroup, "travel")),
        (1, (Verify, "mug")),
    ]);
    let player = weighed(&[(12, "ann"), (6, "bob"), (1, "zoe"), (1, "")]);
    let amount = weighed(&[(8, 1), (6, 2), (2, 3), (1, 4), (1, 0)]);
    let at = prop_oneof![2 => Just(0), 1 => one_of(&INSTANTS)];
    let pin = weighed(&[(2, "pin-1"), (1, "pin-2"), (2, "wrong")]);
    let pin_keys = one_of(&PIN_KEYS);
    let coupon = (one_of(&CODES[..3]), pin, pin_keys);
    (0..5_000u128, whose, what, player, amount, coupon, at).prop_map(
        |(key, client, (operation, target), player, amount, (code, pin, pin_keys), at)| Ask {
            key,
            client,
            operation,
            target,
            player,
            amount,
            code,
            pin,
            pin_keys,
            at,
        },
    )
}

/// Two clients' goods of one name, and a sponsored pool behind a client's own of one name.
fn world() -> impl Strategy<Value = World> {
    let accounts = (goods(), balances(), vec(grant(), 0..4), codes(), vec(wrong_pins(), 0..4));
    let ages = weighted(0.2, one_of(&[DAY, 899]));
    (accounts, ages, one_of(&INSTANTS)).prop_map(|(accounts, age_max, disabled)| {
        let (goods, balances, grants, codes, wrong_pins) = accounts;
        World {
            age_max,
            clients: vec![("acme", None), ("bolt", None), ("gone", Some(disabled))],
            players: PLAYERS.to_vec(),
            balances,
            goods,
            grants,
            codes,
            branches: vec![
                (3, "main", "new", "pin-1"),
                (3, "side", "old", "pin-2"),
                (4, "kiosk", "old", "pin-1"),
            ],
            wrong_pins: wrong_pins.concat(),
            stored: Vec::new(),
        }
    })
}

fn goods() -> impl Strategy<Value = Vec<Row>> {
    let rows = [
        own("mug"),
        Row { owner: Some("bolt"), ..sponsored("mug") },
        sponsored("cap"),
        pool(Some("acme"), "vip", "coffee"),
        pool(None, "bus", "coffee"),
        pool(None, "fly", "travel"),
    ];
    Vec::from(rows.map(terms))
}

fn terms(row: Row) -> impl Strategy<Value = Row> {
    let prices: &[&[(Name, i64)]] = &[
        &[],
        &[],
        &[("point", 2)],
        &[("point", 1), ("badge:gold", 1)],
        &[("badge:gold", 1), ("badge:iron", 2), ("custom:gem", 1)],
        &[("custom:gem", 1), ("custom:ore", 2)],
    ];
    let limits =
        (weighted(0.6, 0..12i64), weighted(0.5, 0..8i64), weighted(0.5, 0..10i64), one_of(prices));
    let window = (weighted(0.1, one_of(&INSTANTS)), weighted(0.1, one_of(&INSTANTS)));
    let coupons = (weighted(0.3, one_of(&INSTANTS)), weighted(0.5, 0..=2));
    (limits, window, coupons).prop_map(move |(limits, (starts, ends), coupons)| Row {
        quantity: limits.0.filter(|_| row.group.is_none()),
        per_player: limits.1,
        per_client: limits.2,
        price: limits.3.to_vec(),
        starts,
        ends,
        coupon_end: coupons.0,
        coupon_days: coupons.1,
        ..row.clone()
    })
}

/// Not everyone owns everything.
fn balances() -> impl Strategy<Value = Vec<(Name, Name, Name, i64)>> {
    let assets = ["point", "badge:gold", "badge:iron", "custom:gem", "custom:ore"];
    let balances = PLAYERS.map(|(client, player)| {
        let owns = |asset| weighted(0.8, (Just(client), Just(player), Just(asset), 0..25i64));
        Vec::from(assets.map(owns))
    });
    Vec::from(balances).prop_map(|balances| balances.into_iter().flatten().flatten().collect())
}

fn grant() -> impl Strategy<Value = (usize, Name, Name, i64)> {
    (0..6usize, one_of(&PLAYERS), 1..3i64)
        .prop_map(|(goods, who, units)| (goods, who.0, who.1, units))
}

fn codes() -> impl Strategy<Value = Vec<Code>> {
    let code = |goods, code| {
        let whose = select(if goods == 3 { &PLAYERS[..2] } else { &PLAYERS });
        let held = (whose, weighted(0.2, one_of(&INSTANTS)), weighted(0.2, one_of(&INSTANTS)));
        let held = weighted(if CODES[..3].contains(&code) { 0.75 } else { 0.2 }, held);
        (weighted(0.4, one_of(&INSTANTS)), held).prop_map(move |(expires, held)| {
            let (holder, valid_until, used) = match held {
                Some((holder, end, used)) => (Some(holder), end, used.map(|at| ("main", at))),
                None => (None, None, None),
            };
            Code { goods, code, expires, holder, valid_until, used }
        })
    };
    let of_pool = |goods| Vec::from(CODES.map(|name| code(goods, name)));
    Vec::from(POOLS.map(of_pool)).prop_map(|codes| codes.concat())
}

fn wrong_pins() -> impl Strategy<Value = Vec<WrongPin>> {
    let whose = one_of(&["acme", "acme", "bolt"]);
    let what = (
        one_of(&[3, 3, 3, 4, 5]),
        one_of(&CODES[..3]),
        one_of(&INSTANTS),
        one_of(&[false, false, false, true]),
    );
    (whose, what, one_of(&[1, 3, 4, 5, 24, 25, 45, 49, 50])).prop_map(
        |(client, (goods, code, at, forgiven), times)| {
            vec![WrongPin { client, goods, code, at, forgiven }; times]
        },
    )
}
