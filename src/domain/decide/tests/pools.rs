//! Code pools: which codes are granted, and until when they are good.

use super::answer::{answer, answer_on, assert_answer, assert_answers};
use super::ask::{Ask, goods, group, redeem};
use super::shop::{Code, DAY, Name, Row, World, at, id, player, pool};
use crate::domain::operation::Operation;
use crate::domain::state::{CodeGrant, State};

fn coffee() -> Row {
    pool(Some("acme"), "vip", "coffee")
}

fn with_codes(codes: &[(Name, Option<i64>)]) -> World {
    World::with([coffee()]).codes(codes)
}

#[test]
fn different_codes_are_granted_in_the_order_of_their_expiry() {
    let world = with_codes(&[("A", None), ("B", Some(90)), ("C", Some(30)), ("D", None)]);
    for (amount, expected) in [
        (1, "0000 x1 C@30"),
        (2, "0000 x2 C@30 B@90"),
        (3, "0000 x3 C@30 B@90 A@never"),
        (4, "0000 x4 C@30 B@90 A@never D@never"),
        (5, "0604 codes 4<5"),
    ] {
        assert_answer(&world, group("coffee", amount), expected);
    }
}

#[test]
fn a_code_expired_at_accepted_at_is_neither_granted_nor_counted_as_left() {
    let world = with_codes(&[("A", Some(-10)), ("B", Some(10)), ("C", Some(20))]);
    for (at, amount, expected) in [
        (-11, 3, "0000 x3 A@-10 B@10 C@20"),
        (-10, 3, "0604 codes 2<3"),
        (-10, 2, "0000 x2 B@10 C@20"),
        (9, 1, "0000 x1 B@10"),
        (10, 1, "0000 x1 C@20"),
        (10, 2, "0604 codes 1<2"),
        (20, 1, "0604 codes 0<1"),
    ] {
        assert_answer(&world, Ask { at, ..group("coffee", amount) }, expected);
    }
}

#[test]
fn a_code_expired_for_one_job_is_still_there_for_one_accepted_earlier() {
    let world = with_codes(&[("A", Some(0)), ("B", Some(90))]);
    let asks = [group("coffee", 1), Ask { at: -1, ..group("coffee", 1) }, group("coffee", 1)];
    assert_answers(&world, &asks, &["0000 x1 B@90", "0000 x1 A@0", "0604 codes 0<1"]);
}

#[test]
fn of_several_expiries_the_earliest_holds() {
    for (of_goods, of_code, days, accepted, expected) in [
        (None, None, None, 0, "A@never"),
        (Some(50), None, None, 0, "A@50"),
        (None, Some(60), None, 0, "A@60"),
        (None, None, Some(1), 0, "A@86400"),
        (None, None, Some(2), -DAY, "A@86400"),
        (Some(50), Some(60), Some(1), 0, "A@50"),
        (Some(60), Some(50), Some(1), 0, "A@50"),
        (Some(2 * DAY), Some(3 * DAY), Some(1), 0, "A@86400"),
        (Some(2 * DAY), Some(3 * DAY), Some(4), 0, "A@172800"),
    ] {
        let terms = Row { coupon_end: of_goods, coupon_days: days, ..coffee() };
        let world = World::with([terms]).codes(&[("A", of_code)]);
        let ask = Ask { at: accepted, ..group("coffee", 1) };
        assert_answer(&world, ask, &format!("0000 x1 {expected}"));
    }
}

#[test]
fn codes_that_their_pool_or_its_days_let_expire_are_not_granted_either() {
    for (coupon_end, coupon_days, expected) in [
        (Some(1), None, "0000 x1 A@1"),
        (Some(0), None, "0604 codes 0<1"),
        (Some(-1), None, "0604 codes 0<1"),
        (None, Some(0), "0604 codes 0<1"),
    ] {
        let world = World::with([Row { coupon_end, coupon_days, ..coffee() }]);
        assert_answer(&world.codes(&[("A", None)]), group("coffee", 1), expected);
    }
}

#[test]
fn a_goods_id_that_names_a_pool_takes_codes_like_its_group() {
    let world = with_codes(&[("A", None), ("B", None), ("C", None)]);
    let asks = [goods("vip", 1), group("coffee", 1), goods("vip", 2), goods("vip", 1)];
    let expected = ["0000 x1 A@never", "0000 x1 B@never", "0604 codes 1<2", "0000 x1 C@never"];
    assert_answers(&world, &asks, &expected);
}

#[test]
fn a_sponsored_pool_serves_all_clients_and_no_code_twice() {
    let codes = [("A", None), ("B", None), ("C", None)];
    let world = World::with([pool(None, "fly", "travel")]).codes(&codes);
    let ask = |client, operation, target| Ask { client, ..redeem(operation, target, 1) };
    let asks = [
        ask("acme", Operation::SponsorGroup, "travel"),
        ask("bolt", Operation::SponsorGroup, "travel"),
        ask("bolt", Operation::Sponsor, "fly"),
        ask("acme", Operation::Sponsor, "fly"),
    ];
    let expected = ["0000 x1 A@never", "0000 x1 B@never", "0000 x1 C@never", "0604 codes 0<1"];
    assert_answers(&world, &asks, &expected);
}

#[test]
fn the_limits_and_the_price_of_a_pool_count_codes() {
    let price = vec![("point", 5)];
    let terms = Row { per_player: Some(3), per_client: Some(4), price, ..coffee() };
    let codes = ["A", "B", "C", "D", "E", "F"].map(|code| (code, None));
    let mut world = World::with([terms]).codes(&codes).balance(&[("point", 10)]);
    world.balances.push(("acme", "bob", "point", 99));
    let asks = [
        group("coffee", 4),
        group("coffee", 3),
        group("coffee", 2),
        group("coffee", 2),
        Ask { player: "bob", ..group("coffee", 3) },
        Ask { player: "bob", ..group("coffee", 2) },
    ];
    let expected = [
        "0601 per_player 3<4",
        "0605 point 10<15",
        "0000 x2 A@never B@never",
        "0601 per_player 1<2",
        "0604 per_client 2<3",
        "0000 x2 C@never D@never",
    ];
    assert_answers(&world, &asks, &expected);
}

#[test]
fn codes_that_are_held_are_not_there_to_grant() {
    let mut world = with_codes(&[("A", None), ("B", None)]);
    world.codes[0].holder = Some(("acme", "bob"));
    assert_answer(&world, group("coffee", 2), "0604 codes 1<2");
    assert_answer(&world, group("coffee", 1), "0000 x1 B@never");
}

#[test]
fn a_pool_without_codes_has_none_left() {
    assert_answer(&with_codes(&[]), group("coffee", 1), "0604 codes 0<1");
}

#[test]
fn a_pool_takes_its_own_codes_only() {
    let mut world = World::with([coffee(), pool(Some("acme"), "spa", "tea")]);
    world.codes = vec![Code { goods: 1, code: "A", ..Code::default() }];
    assert_answer(&world, group("coffee", 1), "0604 codes 0<1");
    assert_answer(&world, group("tea", 1), "0000 x1 A@never");
}

#[test]
fn each_code_is_written_with_its_job_its_holder_and_its_end() {
    let world = with_codes(&[("A", Some(90)), ("B", None)]);
    let asks = [group("coffee", 1), Ask { player: "bob", ..group("coffee", 1) }];
    let grant = |code, ask: &Ask, valid_until| CodeGrant {
        goods: 1,
        code: id(code),
        key: ask.key(),
        holder: player("acme", ask.player),
        valid_until,
    };
    let changes = answer(&world, &asks).changes;
    assert_eq!(changes.codes, [grant("A", &asks[0], Some(at(90))), grant("B", &asks[1], None)]);
    assert_eq!(changes.granted, [(1, 2)].into());
}

#[test]
fn codes_that_nobody_verifies_need_no_coupon_in_the_state() {
    let world = with_codes(&[("A", Some(90)), ("B", None)]);
    let ask = group("coffee", 2);
    let state = State { coupons: [].into(), ..world.state() };
    let (without, with) = (answer_on(state, &world, &[ask]), answer(&world, &[ask]));
    assert_eq!((without.texts, without.changes), (with.texts, with.changes));
    assert!(without.state.coupons.is_empty());
}
