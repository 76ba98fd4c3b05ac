//! A merchant's verification, apart from guessing at PINs.

use super::answer::{answer, assert_answer, assert_answers};
use super::ask::{Ask, group, redeem, verify};
use super::shop::{Code, Name, World, at, id, pool};
use crate::domain::operation::Operation;
use crate::domain::state::CouponUse;

/// A pool of acme's with two coupons that ann holds, and two branches.
fn cafe() -> World {
    let mut world = World::with([pool(Some("acme"), "vip", "coffee")]);
    let code = Code { holder: Some(("acme", "ann")), ..Code::default() };
    world.codes = ["A", "B"].map(|name| Code { code: name, ..code.clone() }).into();
    world.branches = vec![(0, "main", "new", "pin-1"), (0, "side", "old", "pin-2")];
    world
}

#[test]
fn a_coupon_is_used_once_and_says_where_and_when() {
    let first = Ask { at: -30, ..verify("coffee", "A", "pin-2") };
    let asks = [
        first,
        verify("coffee", "A", "pin-2"),
        verify("coffee", "A", "pin-1"),
        verify("coffee", "A", "wrong"),
        verify("coffee", "B", "pin-1"),
    ];
    let before = "before side@-30";
    assert_answers(&cafe(), &asks, &["verified", before, before, before, "verified"]);
}

#[test]
fn a_use_is_written_with_its_job_its_branch_and_its_instant() {
    let ask = Ask { at: -30, ..verify("coffee", "A", "pin-2") };
    let used = CouponUse { goods: 1, code: id("A"), key: ask.key(), branch: 2, at: at(-30) };
    let changes = answer(&cafe(), &[ask, verify("coffee", "A", "pin-2")]).changes;
    assert_eq!(changes.used, [used]);
}

#[test]
fn what_is_not_there_is_not_told_apart() {
    for (group, code, expected) in [
        ("coffee", "A", "verified"),
        ("coffee", "Z", "0602"),
        ("tea", "A", "0602"),
        ("vip", "A", "0602"),
    ] {
        assert_answer(&cafe(), verify(group, code, "pin-1"), expected);
    }
}

#[test]
fn a_coupon_ends_with_its_last_instant() {
    let mut world = cafe();
    for (valid_until, at, expected) in [
        (None, 60, "verified"),
        (Some(10), 9, "verified"),
        (Some(10), 10, "0504"),
        (Some(10), 11, "0504"),
        // Judged at accepted_at, however long it lay in the queue.
        (Some(-10), -11, "verified"),
    ] {
        world.codes[0].valid_until = valid_until;
        assert_answer(&world, Ask { at, ..verify("coffee", "A", "pin-1") }, expected);
    }
}

#[test]
fn a_coupon_used_before_says_so_even_when_it_has_expired_since() {
    let mut world = cafe();
    world.codes[0].valid_until = Some(-10);
    world.codes[0].used = Some(("main", -20));
    assert_answer(&world, verify("coffee", "A", "wrong"), "before main@-20");
}

#[test]
fn only_the_holders_client_can_verify_a_coupon() {
    let mut world = World::with([pool(None, "fly", "travel")]);
    world.branches = vec![(0, "gate", "new", "pin")];
    for (holder, used, client, expected) in [
        (None, None, "acme", "0502"),
        (Some(("acme", "ann")), None, "acme", "verified"),
        (Some(("acme", "ann")), None, "bolt", "0502"),
        (Some(("acme", "ann")), Some(("gate", -5)), "acme", "before gate@-5"),
        (Some(("acme", "ann")), Some(("gate", -5)), "bolt", "0502"),
        (Some(("bolt", "ann")), None, "bolt", "verified"),
    ] {
        world.codes = vec![Code { code: "A", holder, used, ..Code::default() }];
        assert_answer(&world, Ask { client, ..verify("travel", "A", "pin") }, expected);
    }
}

#[test]
fn the_clients_own_group_comes_before_the_sponsored_one_of_that_name() {
    let mut world = cafe();
    world.goods.push(pool(None, "bus", "coffee"));
    world.branches.push((1, "kiosk", "new", "pin-3"));
    for (code, client) in [("A", "bolt"), ("C", "bolt"), ("D", "acme")] {
        let holder = Some((client, "ann"));
        world.codes.push(Code { goods: 1, code, holder, ..Code::default() });
    }
    for (client, code, pin, expected) in [
        ("acme", "A", "pin-1", "verified"),
        ("acme", "A", "pin-3", "0608"),
        ("bolt", "A", "pin-3", "verified"),
        ("bolt", "A", "pin-1", "0608"),
        ("bolt", "C", "pin-3", "verified"),
        // Held by acme's own player, yet acme has a group of that name that lacks the code.
        ("acme", "D", "pin-3", "0602"),
    ] {
        assert_answer(&world, Ask { client, ..verify("coffee", code, pin) }, expected);
    }
}

#[test]
fn a_coupon_granted_in_the_same_batch_can_be_verified_from_there_on() {
    let mut world = cafe();
    world.codes = vec![Code { code: "A", expires: Some(50), ..Code::default() }];
    let asks = [
        verify("coffee", "A", "pin-1"),
        group("coffee", 1),
        Ask { at: 50, ..verify("coffee", "A", "pin-1") },
        Ask { at: 49, ..verify("coffee", "A", "pin-1") },
        verify("coffee", "A", "pin-1"),
    ];
    assert_answers(&world, &asks, &["0502", "0000 x1 A@50", "0504", "verified", "before main@49"]);
}

#[test]
fn a_sponsored_coupon_granted_in_the_same_batch_belongs_to_one_client() {
    let mut world = World::with([pool(None, "fly", "travel")]).codes(&[("A", None)]);
    world.branches = vec![(0, "gate", "new", "pin")];
    let by = |client, ask: Ask| Ask { client, ..ask };
    let asks = [
        by("bolt", redeem(Operation::SponsorGroup, "travel", 1)),
        by("acme", verify("travel", "A", "pin")),
        by("bolt", verify("travel", "A", "pin")),
    ];
    assert_answers(&world, &asks, &["0000 x1 A@never", "0502", "verified"]);
}

#[test]
fn the_pin_must_be_that_of_an_enabled_and_allowed_branch() {
    let mut world = cafe();
    world.goods.push(pool(Some("acme"), "spa", "tea"));
    world.branches.push((1, "bath", "new", "pin-3"));
    let check = |world: &World, pin: Name, expected| {
        assert_answer(world, verify("coffee", "A", pin), expected);
    };
    check(&world, "pin-1", "verified");
    check(&world, "pin-2", "verified");
    check(&world, "pin-3", "0608");
    // What is disabled or not allowed is not loaded, so it looks like any wrong PIN.
    world.branches.retain(|branch| branch.1 != "main");
    check(&world, "pin-1", "0608");
    world.branches.clear();
    check(&world, "pin-2", "0608");
}

#[test]
fn a_pin_hashed_under_an_older_secret_still_counts() {
    for (pin, pin_keys, expected) in [
        ("pin-1", &["new", "old"][..], "verified"),
        ("pin-2", &["new", "old"], "verified"),
        ("pin-1", &["new"], "verified"),
        ("pin-2", &["old"], "verified"),
        // Accepted before that secret came, or after it was dropped.
        ("pin-1", &["old"], "0608"),
        ("pin-2", &["new"], "0608"),
    ] {
        assert_answer(&cafe(), Ask { pin_keys, ..verify("coffee", "A", pin) }, expected);
    }
}
