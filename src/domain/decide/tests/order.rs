//! Which check comes first, and the checks that every job goes through.

use super::answer::{answer, assert_answer};
use super::ask::{Ask, goods, group, redeem, verify};
use super::shop::{Code, DAY, Row, World, WrongPin, own, pool, sponsored};
use crate::domain::operation::Operation;
use crate::domain::state::Changes;

/// Puts one thing right.
type Mend = fn(&mut World, &mut Ask);

/// Everything is wrong at first; each step proves its check, then mends it. Every refusal on the
/// way leaves no trace.
#[track_caller]
fn assert_order(mut world: World, mut ask: Ask, steps: &[(&str, Mend)]) {
    for (expected, mend) in steps {
        assert_answer(&world, ask, expected);
        let answered = answer(&world, &[ask]);
        // A wrong PIN is meant to leave one.
        if !["0608", "verified"].contains(expected) && !expected.starts_with("0000") {
            assert_eq!(answered.changes, Changes::default(), "{expected} changed something");
        }
        mend(&mut world, &mut ask);
    }
}

#[test]
fn the_first_check_that_fails_gives_the_answer_to_a_redeem() {
    let price = vec![("point", 5), ("badge:gold", 1), ("custom:gem", 2)];
    let (limit, ends) = (Some(1), Some(-2 * DAY));
    let wrong = Row { quantity: limit, per_player: limit, per_client: limit, ends, ..own("cup") };
    let mut world = World::with([Row { price, ..wrong }]);
    (world.age_max, world.clients, world.players) = (Some(DAY), vec![], vec![]);
    let ask = Ask { player: "", amount: 0, at: 61, ..goods("mug", 2) };
    let steps: [(&str, Mend); 16] = [
        ("0903 player_id", |_, ask| ask.player = "ann"),
        ("2302 amount", |_, ask| ask.amount = 2),
        ("2302 accepted_at", |_, ask| ask.at = -DAY - 1),
        ("3004", |_, ask| ask.at = 0),
        ("0002", |world, _| world.clients = vec![("acme", Some(-1))]),
        ("0002", |world, _| world.clients = vec![("acme", None)]),
        ("0200", |world, _| world.players = vec![("acme", "ann")]),
        ("0501", |world, _| world.goods[0].goods_id = "mug"),
        ("0601 per_player 1<2", |world, _| world.goods[0].per_player = Some(2)),
        ("0603", |world, _| world.goods[0].ends = None),
        ("0604 stock 1<2", |world, _| world.goods[0].quantity = Some(2)),
        ("0604 per_client 1<2", |world, _| world.goods[0].per_client = Some(2)),
        ("0605 point 0<10", |world, _| *world = world.clone().balance(&[("point", 10)])),
        ("0606 badge:gold 0<2", |world, _| *world = world.clone().balance(&[("badge:gold", 2)])),
        ("0607 custom:gem 0<4", |world, _| *world = world.clone().balance(&[("custom:gem", 4)])),
        ("0000 x2", |_, _| ()),
    ];
    assert_order(world, ask, &steps);
}

#[test]
fn the_codes_of_a_pool_are_checked_where_a_stock_would_be() {
    let price = vec![("point", 5)];
    let (limit, ends) = (Some(1), Some(0));
    let wrong = pool(Some("acme"), "vip", "coffee");
    let wrong = Row { per_player: limit, per_client: limit, ends, price, ..wrong };
    let world = World::with([wrong]).codes(&[("A", None)]);
    let steps: [(&str, Mend); 6] = [
        ("0601 per_player 1<2", |world, _| world.goods[0].per_player = Some(2)),
        ("0603", |world, _| world.goods[0].ends = None),
        ("0604 codes 1<2", |world, _| *world = world.clone().codes(&[("B", None)])),
        ("0604 per_client 1<2", |world, _| world.goods[0].per_client = Some(2)),
        ("0605 point 0<10", |world, _| *world = world.clone().balance(&[("point", 10)])),
        ("0000 x2 A@never B@never", |_, _| ()),
    ];
    assert_order(world, group("coffee", 2), &steps);
}

#[test]
fn the_first_check_that_fails_gives_the_answer_to_a_verify() {
    let mut world = World::with([pool(Some("acme"), "vip", "tea")]);
    world.clients[0].1 = Some(-1);
    let (holder, used) = (Some(("bolt", "ann")), Some(("main", -5)));
    world.codes = vec![Code { code: "B", holder, used, valid_until: Some(-9), ..Code::default() }];
    world.branches = vec![(0, "main", "new", "right")];
    let wrong_pin = WrongPin { client: "acme", goods: 0, code: "A", at: -9, forgiven: false };
    world.wrong_pins = vec![wrong_pin; 5];
    let steps: [(&str, Mend); 11] = [
        ("2302 accepted_at", |_, ask| ask.at = 0),
        ("0002", |world, _| world.clients[0].1 = None),
        ("0602", |world, _| world.goods[0].group = Some("coffee")),
        ("0602", |world, _| world.codes[0].code = "A"),
        // Where and when another client's coupon was used is not for this one to know.
        ("0502", |world, _| world.codes[0].holder = Some(("acme", "ann"))),
        ("before main@-5", |world, _| {
            (world.codes[0].used, world.codes[0].holder) = (None, None);
        }),
        ("0502", |world, _| world.codes[0].holder = Some(("acme", "ann"))),
        ("0504", |world, _| world.codes[0].valid_until = None),
        ("0901", |world, _| world.wrong_pins.clear()),
        ("0608", |_, ask| ask.pin = "right"),
        ("verified", |_, _| ()),
    ];
    assert_order(world, Ask { at: 61, ..verify("coffee", "A", "wrong") }, &steps);
}

#[test]
fn a_job_may_be_accepted_a_minute_from_now_and_not_a_second_later() {
    let mut world = World::with([own("mug")]);
    for (age_max, at, expected) in [
        (None, 60, "0000 x1"),
        (None, 61, "2302 accepted_at"),
        (None, -1_000 * DAY, "0000 x1"),
        (Some(100), -100, "0000 x1"),
        (Some(100), -101, "3004"),
    ] {
        world.age_max = age_max;
        assert_answer(&world, Ask { at, ..goods("mug", 1) }, expected);
    }
}

#[test]
fn what_was_accepted_before_its_client_was_disabled_is_judged() {
    let mut world = World::with([own("mug")]);
    world.clients.retain(|(client, _)| *client == "acme");
    for (client, disabled, at, expected) in [
        ("acme", None, 0, "0000 x1"),
        ("acme", Some(0), -1, "0000 x1"),
        ("acme", Some(0), 0, "0002"),
        ("acme", Some(0), 1, "0002"),
        ("bolt", None, 0, "0002"),
    ] {
        world.clients[0].1 = disabled;
        assert_answer(&world, Ask { client, at, ..goods("mug", 1) }, expected);
    }
}

#[test]
fn goods_are_seen_by_their_owner_and_sponsored_ones_through_sponsor_operations() {
    use Operation::{Goods, GoodsGroup, Sponsor, SponsorGroup};
    let bolts = Row { owner: Some("bolt"), ..sponsored("pen") };
    let pools = [pool(Some("acme"), "vip", "coffee"), pool(None, "fly", "travel")];
    let mut world = World::with([own("mug"), bolts, sponsored("cap")]);
    world.goods.extend(pools);
    for (goods, code) in [(3, "A"), (4, "B")] {
        world.codes.push(Code { goods, code, ..Code::default() });
    }
    for (client, operation, target, expected) in [
        ("acme", Goods, "mug", "0000 x1"),
        ("bolt", Goods, "mug", "0501"),
        ("acme", Sponsor, "mug", "0501"),
        ("bolt", Sponsor, "mug", "0501"),
        ("bolt", Goods, "pen", "0000 x1"),
        ("acme", Goods, "pen", "0501"),
        ("acme", Sponsor, "cap", "0000 x1"),
        ("bolt", Sponsor, "cap", "0000 x1"),
        ("acme", Goods, "cap", "0501"),
        ("acme", GoodsGroup, "coffee", "0000 x1 A@never"),
        ("bolt", GoodsGroup, "coffee", "0501"),
        ("acme", SponsorGroup, "coffee", "0501"),
        ("bolt", SponsorGroup, "travel", "0000 x1 B@never"),
        ("bolt", GoodsGroup, "travel", "0501"),
        ("acme", Goods, "vip", "0000 x1 A@never"),
        ("bolt", Sponsor, "fly", "0000 x1 B@never"),
        ("acme", Goods, "coffee", "0501"),
        ("acme", GoodsGroup, "vip", "0501"),
        ("acme", GoodsGroup, "mug", "0501"),
        ("acme", Goods, "nothing", "0501"),
    ] {
        assert_answer(&world, Ask { client, ..redeem(operation, target, 1) }, expected);
    }
}

#[test]
fn a_player_of_one_client_is_unknown_to_another() {
    let world = World::with([sponsored("cap")]);
    for (client, player, expected) in
        [("acme", "bob", "0000 x1"), ("bolt", "bob", "0200"), ("acme", "zoe", "0200")]
    {
        let ask = Ask { client, player, ..redeem(Operation::Sponsor, "cap", 1) };
        assert_answer(&world, ask, expected);
    }
}
