//! Stock, limits and windows of goods that are counted in units.

use super::answer::{answer, assert_answer, assert_answers};
use super::ask::{Ask, goods, redeem};
use super::shop::{Row, World, asset, client, own, player, sponsored};
use crate::domain::operation::Operation;
use crate::domain::state::Changes;

fn sponsor(client: &'static str, player: &'static str, amount: i64) -> Ask {
    Ask { client, player, ..redeem(Operation::Sponsor, "cap", amount) }
}

#[test]
fn the_players_limit_counts_units_and_not_redeems() {
    for (per_player, had, amount, expected) in [
        (None, 9_999, 10_000, "0000 x10000"),
        (Some(0), 0, 1, "0601 per_player 0<1"),
        (Some(3), 0, 3, "0000 x3"),
        (Some(3), 0, 4, "0601 per_player 3<4"),
        (Some(3), 2, 1, "0000 x1"),
        (Some(3), 2, 2, "0601 per_player 1<2"),
        (Some(3), 3, 1, "0601 per_player 0<1"),
        // The limit was lowered since.
        (Some(3), 5, 1, "0601 per_player 0<1"),
    ] {
        let mut world = World::with([Row { per_player, ..own("mug") }]);
        world.grants = vec![(0, "acme", "ann", had)];
        assert_answer(&world, goods("mug", amount), expected);
    }
}

#[test]
fn the_players_limit_is_each_players_own() {
    let mut world = World::with([Row { per_player: Some(2), ..sponsored("cap") }]);
    world.grants = vec![(0, "acme", "ann", 2)];
    for (client, player, expected) in [
        ("acme", "ann", "0601 per_player 0<1"),
        ("acme", "bob", "0000 x1"),
        ("bolt", "ann", "0000 x1"),
    ] {
        assert_answer(&world, sponsor(client, player, 1), expected);
    }
}

#[test]
fn a_window_holds_its_first_instant_and_not_its_end() {
    for (starts, ends, at, expected) in [
        (None, None, -1_000_000, "0000 x1"),
        (Some(-10), None, -11, "0603"),
        (Some(-10), None, -10, "0000 x1"),
        (Some(-10), None, 60, "0000 x1"),
        (None, Some(10), 9, "0000 x1"),
        (None, Some(10), 10, "0603"),
        (None, Some(10), 11, "0603"),
        (Some(-10), Some(10), 0, "0000 x1"),
        (Some(5), Some(5), 5, "0603"),
        // Judged at accepted_at: a backlog makes nothing expire, and opens nothing early.
        (None, Some(-50), -51, "0000 x1"),
        (Some(0), None, -1, "0603"),
    ] {
        let world = World::with([Row { starts, ends, ..own("mug") }]);
        assert_answer(&world, Ask { at, ..goods("mug", 1) }, expected);
    }
}

#[test]
fn a_stock_can_be_taken_to_the_last_unit() {
    for (quantity, granted, amount, expected) in [
        (None, 9_999, 10_000, "0000 x10000"),
        (Some(0), 0, 1, "0604 stock 0<1"),
        (Some(5), 0, 5, "0000 x5"),
        (Some(5), 0, 6, "0604 stock 5<6"),
        (Some(5), 4, 1, "0000 x1"),
        (Some(5), 4, 2, "0604 stock 1<2"),
        (Some(5), 5, 1, "0604 stock 0<1"),
        (Some(5), 7, 1, "0604 stock 0<1"),
    ] {
        let mut world = World::with([Row { quantity, ..own("mug") }]);
        world.grants = vec![(0, "acme", "bob", granted)];
        assert_answer(&world, goods("mug", amount), expected);
    }
}

#[test]
fn the_cap_of_a_client_counts_all_its_players_and_nobody_elses() {
    for (per_client, mine, bobs, bolts, amount, expected) in [
        (None, 50, 50, 50, 1, "0000 x1"),
        (Some(0), 0, 0, 0, 1, "0604 per_client 0<1"),
        (Some(4), 0, 0, 0, 4, "0000 x4"),
        (Some(4), 0, 0, 0, 5, "0604 per_client 4<5"),
        (Some(4), 1, 2, 0, 1, "0000 x1"),
        (Some(4), 1, 2, 0, 2, "0604 per_client 1<2"),
        (Some(4), 0, 0, 4, 4, "0000 x4"),
        (Some(4), 0, 6, 0, 1, "0604 per_client 0<1"),
    ] {
        let mut world = World::with([Row { per_client, ..sponsored("cap") }]);
        world.grants =
            vec![(0, "acme", "ann", mine), (0, "acme", "bob", bobs), (0, "bolt", "ann", bolts)];
        assert_answer(&world, sponsor("acme", "ann", amount), expected);
    }
}

#[test]
fn a_job_sees_what_those_before_it_in_the_batch_took() {
    let limits = Row { quantity: Some(6), per_player: Some(4), ..sponsored("cap") };
    let world = World::with([Row { per_client: Some(5), ..limits }]);
    let asks = [
        sponsor("acme", "ann", 3),
        sponsor("acme", "ann", 2),
        sponsor("acme", "bob", 3),
        sponsor("acme", "bob", 2),
        sponsor("acme", "ann", 1),
        sponsor("bolt", "ann", 2),
        sponsor("bolt", "ann", 1),
        sponsor("bolt", "ann", 1),
    ];
    let expected = [
        "0000 x3",
        "0601 per_player 1<2",
        "0604 per_client 2<3",
        "0000 x2",
        "0604 per_client 0<1",
        "0604 stock 1<2",
        "0000 x1",
        "0604 stock 0<1",
    ];
    assert_answers(&world, &asks, &expected);
}

#[test]
fn a_refusal_names_the_cap_and_what_was_left_of_it_within_the_batch() {
    let world = World::with([Row { quantity: Some(3), ..own("mug") }]);
    let asks = [goods("mug", 2), goods("mug", 2), goods("mug", 1), goods("mug", 1)];
    let expected = ["0000 x2", "0604 stock 1<2", "0000 x1", "0604 stock 0<1"];
    assert_answers(&world, &asks, &expected);
}

#[test]
fn what_is_written_is_one_sum_a_row() {
    let limits = Row { per_player: Some(9), per_client: Some(9), ..sponsored("cap") };
    let price = vec![("point", 2)];
    let mut world = World::with([Row { price, ..limits }, own("mug")]).balance(&[("point", 20)]);
    world.balances.push(("acme", "bob", "point", 2));
    let asks = [
        sponsor("acme", "ann", 3),
        sponsor("acme", "bob", 1),
        sponsor("acme", "ann", 1),
        goods("mug", 7),
    ];
    let (ann, bob) = (player("acme", "ann"), player("acme", "bob"));
    let expected = Changes {
        granted: [(1, 5), (2, 7)].into(),
        player_usage: [((1, ann.clone()), 4), ((1, bob.clone()), 1)].into(),
        client_usage: [((1, client("acme")), 5)].into(),
        spent: [((ann, asset("point")), 8), ((bob, asset("point")), 2)].into(),
        ..Changes::default()
    };
    assert_eq!(answer(&world, &asks).changes, expected);
}
