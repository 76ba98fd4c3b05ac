//! What a redeem costs, and what is said of a player who can't pay it.

use super::answer::{answer, assert_answer, assert_answers};
use super::ask::{Ask, goods, redeem};
use super::shop::{Row, World, asset, own, player, sponsored};
use crate::domain::decide::Verdict;
use crate::domain::operation::Operation;

#[test]
fn the_price_is_charged_for_each_unit_and_may_empty_the_balance() {
    for (price, balance, amount, expected) in [
        (&[][..], &[][..], 10_000, "0000 x10000"),
        (&[("point", 5)], &[("point", 5)], 1, "0000 x1"),
        (&[("point", 5)], &[("point", 4)], 1, "0605 point 4<5"),
        (&[("point", 5)], &[("point", 10)], 2, "0000 x2"),
        (&[("point", 5)], &[("point", 9)], 2, "0605 point 9<10"),
        (&[("point", 5)], &[], 1, "0605 point 0<5"),
        (&[("point", 5)], &[("badge:gold", 9), ("custom:gem", 9)], 1, "0605 point 0<5"),
        (&[("badge:gold", 1)], &[("badge:gold", 2)], 2, "0000 x2"),
        (&[("badge:gold", 1)], &[("badge:gold", 2)], 3, "0606 badge:gold 2<3"),
        (&[("badge:gold", 1)], &[("custom:gold", 1)], 1, "0606 badge:gold 0<1"),
        (&[("custom:gem", 2)], &[("custom:gem", 4)], 2, "0000 x2"),
        (&[("custom:gem", 2)], &[("custom:gem", 3)], 2, "0607 custom:gem 3<4"),
        (&[("point", 1_000_000_000_000)], &[("point", i64::MAX)], 10_000, "0000 x10000"),
    ] {
        let world = World::with([Row { price: price.to_vec(), ..own("mug") }]).balance(balance);
        assert_answer(&world, goods("mug", amount), expected);
    }
}

#[test]
fn all_parts_of_a_price_are_required_and_those_short_in_one_kind_are_named_together() {
    let price =
        vec![("point", 1), ("badge:a", 1), ("badge:b", 2), ("custom:gem", 1), ("custom:ore", 3)];
    let world = World::with([Row { price, ..own("mug") }]);
    let (points, badges) = (("point", 2), [("badge:a", 2), ("badge:b", 4)]);
    for (balance, expected) in [
        (vec![("point", 1), ("custom:gem", 9)], "0605 point 1<2"),
        (vec![points], "0606 badge:a 0<2 badge:b 0<4"),
        (vec![points, badges[0]], "0606 badge:b 0<4"),
        (vec![points, badges[1], ("custom:gem", 2)], "0606 badge:a 0<2"),
        (vec![points, badges[0], badges[1]], "0607 custom:gem 0<2 custom:ore 0<6"),
        (vec![points, badges[0], badges[1], ("custom:gem", 2)], "0607 custom:ore 0<6"),
    ] {
        assert_answer(&world.clone().balance(&balance), goods("mug", 2), expected);
    }
}

#[test]
fn the_message_names_the_custom_currencies_that_are_short() {
    let price = vec![("custom:gem", 1), ("custom:ore", 1), ("custom:tin", 1)];
    let world = World::with([Row { price, ..own("mug") }]).balance(&[("custom:ore", 1)]);
    let answered = answer(&world, &[goods("mug", 1)]);
    let Verdict::Decided(outcome) = &answered.verdicts[0] else { panic!("decided before?") };
    assert_eq!(outcome.message(), "gem,tin is not enough to redeem");
}

#[test]
fn every_part_is_taken_and_nothing_else() {
    let price = vec![("point", 5), ("badge:gold", 1), ("custom:gem", 2)];
    let balance = [("point", 11), ("badge:gold", 2), ("badge:iron", 3), ("custom:gem", 4)];
    let world = World::with([Row { price, ..own("mug") }]).balance(&balance);
    let left = &answer(&world, &[goods("mug", 2)]).state.players[&player("acme", "ann")];
    for (name, expected) in [("point", 1), ("badge:gold", 0), ("badge:iron", 3), ("custom:gem", 0)]
    {
        assert_eq!(left[&asset(name)], expected, "{name}");
    }
}

#[test]
fn a_balance_can_be_spent_once_within_a_batch() {
    let rows = [("mug", 5), ("pen", 3)].map(|(id, n)| Row { price: vec![("point", n)], ..own(id) });
    let world = World::with(rows).balance(&[("point", 11)]);
    let asks = [goods("mug", 1), goods("pen", 1), goods("mug", 1), goods("pen", 1)];
    assert_answers(&world, &asks, &["0000 x1", "0000 x1", "0605 point 3<5", "0000 x1"]);
}

#[test]
fn sponsored_goods_are_paid_from_the_balance_that_the_player_has_with_the_calling_client() {
    let price = vec![("point", 5)];
    let world = World::with([Row { price, ..sponsored("cap") }]).balance(&[("point", 5)]);
    let ask = redeem(Operation::Sponsor, "cap", 1);
    assert_answer(&world, ask, "0000 x1");
    assert_answer(&world, Ask { client: "bolt", ..ask }, "0605 point 0<5");
    assert_answer(&world, Ask { player: "bob", ..ask }, "0605 point 0<5");
}
