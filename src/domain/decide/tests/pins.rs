//! Guessing at PINs: 5 wrong ones a coupon, 50 a group, within 15 minutes.

use super::answer::{answer, assert_answer, assert_answers};
use super::ask::{Ask, verify};
use super::shop::{Code, Name, World, WrongPin, at, client, id, pool};
use crate::domain::state::{Changes, PinFailed, PinFailure};

const WINDOW: i64 = 15 * 60;

/// Two pools of acme's, each with two coupons of ann's and the same branch.
fn cafe() -> World {
    let pools = [("vip", "coffee"), ("spa", "tea")];
    let mut world = World::with(pools.map(|(id, group)| pool(Some("acme"), id, group)));
    for (goods, code) in [(0, "A"), (0, "B"), (1, "A"), (1, "B")] {
        let holder = Some(("acme", "ann"));
        world.codes.push(Code { goods, code, holder, ..Code::default() });
    }
    world.branches = vec![(0, "main", "new", "right"), (1, "main", "new", "right")];
    world
}

fn wrong(code: Name, at: i64, times: usize) -> Vec<WrongPin> {
    vec![WrongPin { client: "acme", goods: 0, code, at, forgiven: false }; times]
}

#[test]
fn five_wrong_pins_lock_a_coupon_and_no_other() {
    let tries = |code, times| vec![verify("coffee", code, "wrong"); times].into_iter();
    let asks: Vec<Ask> = tries("A", 5)
        .chain([verify("coffee", "A", "right"), verify("coffee", "A", "wrong")])
        .chain(tries("B", 4))
        .chain([verify("coffee", "B", "right")])
        .chain([verify("tea", "A", "right")])
        // An id each: copies of one job would be duplicates.
        .enumerate()
        .map(|(n, ask)| Ask { key: n as u128, ..ask })
        .collect();
    let expected = [["0608"; 5].as_slice(), &["0901"; 2], &["0608"; 4], &["verified"; 2]].concat();
    assert_answers(&cafe(), &asks, &expected);
}

#[test]
fn wrong_pins_count_per_coupon_and_per_group_within_fifteen_minutes() {
    for (wrong_pins, expected) in [
        (wrong("A", 0, 4), "verified"),
        (wrong("A", 0, 5), "0901"),
        (wrong("A", -WINDOW + 1, 5), "0901"),
        (wrong("A", -WINDOW, 5), "verified"),
        ([wrong("A", -WINDOW, 1), wrong("A", 0, 4)].concat(), "verified"),
        // A job accepted later may have been decided first.
        (wrong("A", 60, 5), "0901"),
        (wrong("B", 0, 49), "verified"),
        (wrong("B", 0, 50), "0901"),
        (wrong("B", -WINDOW + 1, 50), "0901"),
        (wrong("B", -WINDOW, 50), "verified"),
        ([wrong("B", 0, 46), wrong("A", 0, 3)].concat(), "verified"),
        ([wrong("B", 0, 46), wrong("A", 0, 4)].concat(), "0901"),
    ] {
        let world = World { wrong_pins, ..cafe() };
        assert_answer(&world, verify("coffee", "A", "right"), expected);
        assert_answer(&world, verify("tea", "A", "right"), "verified");
    }
}

#[test]
fn a_locked_coupon_opens_again_when_its_wrong_pins_are_old() {
    let world = World { wrong_pins: wrong("A", -WINDOW, 5), ..cafe() };
    let asks = [
        Ask { at: -1, ..verify("coffee", "A", "right") },
        Ask { at: 0, ..verify("coffee", "A", "right") },
    ];
    assert_answers(&world, &asks, &["0901", "verified"]);
}

#[test]
fn one_clients_guesses_lock_nobody_else_out() {
    let mut world = World::with([pool(None, "fly", "travel")]);
    for (code, owner) in [("A", "acme"), ("B", "bolt")] {
        world.codes.push(Code { code, holder: Some((owner, "ann")), ..Code::default() });
    }
    world.branches = vec![(0, "gate", "new", "right")];
    world.wrong_pins = wrong("B", 0, 50);
    assert_answer(&world, verify("travel", "A", "right"), "0901");
    let bolts = Ask { client: "bolt", ..verify("travel", "B", "right") };
    assert_answer(&world, bolts, "verified");
}

#[test]
fn a_wrong_pin_is_written_with_its_job_and_leaves_the_coupon() {
    let ask = Ask { at: -30, ..verify("coffee", "A", "wrong") };
    let failure = PinFailure { code: id("A"), at: at(-30), forgiven: false };
    let failed = PinFailed { client: client("acme"), goods: 1, key: ask.key(), failure };
    let expected = Changes { pin_failures: vec![failed], ..Changes::default() };
    let answered = answer(&cafe(), &[ask]);
    assert_eq!(answered.changes, expected);
    assert_eq!(answered.state.coupons, cafe().state().coupons);
    let asks = [ask, verify("coffee", "A", "right")];
    assert_answers(&cafe(), &asks, &["0608", "verified"]);
}

#[test]
fn a_locked_try_is_not_counted_as_a_wrong_pin() {
    let world = World { wrong_pins: wrong("A", 0, 5), ..cafe() };
    assert_eq!(answer(&world, &[verify("coffee", "A", "wrong")]).changes, Changes::default());
}

#[test]
fn a_wrong_pin_sent_twice_counts_once() {
    let world = World { wrong_pins: wrong("A", 0, 3), ..cafe() };
    let ask = verify("coffee", "A", "wrong");
    let asks = [ask, ask, ask, verify("coffee", "A", "right")];
    let expected = ["0608", "again: 0608", "again: 0608", "verified"];
    assert_answers(&world, &asks, &expected);
}

#[test]
fn a_success_forgives_its_own_coupons_wrong_pins_and_no_others() {
    let mut wrong_pins = [wrong("A", -9, 2), wrong("B", -9, 2)].concat();
    wrong_pins.push(WrongPin { goods: 1, ..wrong_pins[0].clone() });
    let world = World { wrong_pins, ..cafe() };
    let asks = [verify("coffee", "A", "wrong"), verify("coffee", "A", "right")];
    let answered = answer(&world, &asks);
    assert_eq!(answered.changes.pin_resets, [(client("acme"), 1, id("A"))]);
    for ((_, goods), failures) in &answered.state.pin_failures {
        for failure in failures {
            let expected = *goods == 1 && failure.code == id("A");
            assert_eq!(failure.forgiven, expected, "{goods} {failure:?}");
        }
    }
    let nothing_to_forgive = answer(&cafe(), &[verify("coffee", "A", "right")]).changes;
    assert_eq!(nothing_to_forgive.pin_resets, []);
}

#[test]
fn forgiven_pins_count_no_more_for_their_coupon_but_still_for_the_group() {
    let forgiven = |code, times| {
        let pins = wrong(code, 0, times).into_iter();
        pins.map(|pin| WrongPin { forgiven: true, ..pin }).collect::<Vec<_>>()
    };
    for (wrong_pins, expected) in [
        (forgiven("A", 5), "verified"),
        ([forgiven("A", 9), wrong("A", 0, 4)].concat(), "verified"),
        ([forgiven("A", 9), wrong("A", 0, 5)].concat(), "0901"),
        (forgiven("B", 49), "verified"),
        (forgiven("B", 50), "0901"),
    ] {
        let world = World { wrong_pins, ..cafe() };
        assert_answer(&world, verify("coffee", "A", "right"), expected);
    }
}

#[test]
fn a_success_gives_the_group_no_further_guesses() {
    let world = World { wrong_pins: [wrong("A", 0, 3), wrong("Z", 0, 46)].concat(), ..cafe() };
    let asks = [
        verify("coffee", "A", "right"),
        verify("coffee", "B", "wrong"),
        verify("coffee", "B", "right"),
    ];
    assert_answers(&world, &asks, &["verified", "0608", "0901"]);
}
