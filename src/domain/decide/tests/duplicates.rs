//! Jobs that come again, and ids that come again with something else.

use super::answer::{answer, assert_answers};
use super::ask::{Ask, goods, redeem, verify};
use super::shop::{Code, Row, World, own, pool, sponsored};
use crate::domain::decide::{Earlier, Verdict};
use crate::domain::operation::Operation;
use crate::domain::state::Changes;
use std::sync::Arc;

fn mugs(quantity: i64) -> World {
    let price = vec![("point", 5)];
    World::with([Row { quantity: Some(quantity), price, ..own("mug") }]).balance(&[("point", 100)])
}

#[test]
fn a_duplicate_in_the_batch_gets_the_first_ones_answer_and_the_accounts_move_once() {
    let ask = goods("mug", 2);
    let answered = answer(&mugs(9), &[ask, goods("mug", 1), ask, ask]);
    assert!(matches!(answered.verdicts[0], Verdict::Decided(_)));
    for duplicate in [2, 3] {
        assert_eq!(answered.verdicts[duplicate], Verdict::Replay(Earlier::InBatch(0)));
    }
    assert_eq!(answered.changes.granted, [(1, 3)].into());
    assert_eq!(answered.changes.spent.into_values().collect::<Vec<_>>(), [15]);
}

#[test]
fn a_duplicate_of_a_stored_job_gets_the_stored_answer_and_nothing_moves() {
    let mut world = mugs(9);
    let ask = goods("mug", 2);
    world.stored = vec![(ask, "the stored bytes".to_owned())];
    let answered = answer(&world, &[ask, ask]);
    let stored = world.state().stored_results.into_values().next().expect("the stored answer");
    for verdict in answered.verdicts {
        assert_eq!(verdict, Verdict::Replay(Earlier::Stored(Arc::clone(&stored))));
    }
    assert_eq!(answered.changes, Changes::default());
    assert_eq!(answered.state, world.state());
}

#[test]
fn an_id_used_again_with_other_content_is_refused_for_ever() {
    let ask = goods("mug", 1);
    let other = Ask { amount: 2, ..ask };
    let (again, reused) = ("again: 0000 x1", "3001: 0000 x1");
    let in_batch = answer(&mugs(9), &[ask, other, other, ask]);
    assert_eq!(in_batch.texts, ["0000 x1", reused, reused, again]);
    assert_eq!(in_batch.verdicts[2], Verdict::KeyConflict(Earlier::InBatch(0)));
    assert_eq!(in_batch.changes.granted, [(1, 1)].into());

    let mut world = mugs(9);
    world.stored = vec![(ask, "0000 x1".to_owned())];
    let stored = answer(&world, &[other, ask, other]);
    assert_eq!(stored.texts, [reused, again, reused]);
    assert!(matches!(stored.verdicts[0], Verdict::KeyConflict(Earlier::Stored(_))));
    assert_eq!(stored.changes, Changes::default());
    assert_eq!(stored.state, world.state());
}

#[test]
fn other_content_is_any_other_operation_or_parameter_and_no_other_instant() {
    let ask = goods("mug", 1);
    for (other, says) in [
        (ask, "again"),
        (Ask { at: 30, ..ask }, "again"),
        (Ask { at: 61, ..ask }, "again"),
        (Ask { amount: 2, ..ask }, "3001"),
        (Ask { amount: 0, ..ask }, "3001"),
        (Ask { player: "bob", ..ask }, "3001"),
        (Ask { player: "", ..ask }, "3001"),
        (Ask { target: "pen", ..ask }, "3001"),
        (Ask { operation: Operation::Sponsor, ..ask }, "3001"),
        (Ask { operation: Operation::GoodsGroup, ..ask }, "3001"),
        (Ask { operation: Operation::Verify, code: "A", ..ask }, "3001"),
    ] {
        assert_answers(&mugs(9), &[ask, other], &["0000 x1", &format!("{says}: 0000 x1")]);
    }
}

#[test]
fn a_refusal_is_as_final_as_a_success() {
    let mut world = mugs(1);
    let (unreadable, unknown) = (Ask { amount: 0, ..goods("mug", 1) }, goods("pen", 1));
    let too_much = goods("mug", 2);
    let asks = [unreadable, unknown, too_much, unreadable, unknown, too_much];
    let first = ["2302 amount", "0501", "0604 stock 1<2"];
    let again = first.map(|answer| format!("again: {answer}"));
    let expected: Vec<&str> = first.into_iter().chain(again.iter().map(String::as_str)).collect();
    assert_answers(&world, &asks, &expected);

    // The reason is gone, the answer stays.
    world.stored = vec![(too_much, first[2].to_owned())];
    world.goods[0].quantity = Some(9);
    assert_answers(&world, &[too_much], &[&again[2]]);
}

#[test]
fn one_key_of_two_clients_names_two_jobs() {
    let mut world = World::with([Row { quantity: Some(2), ..sponsored("cap") }]);
    let ask = redeem(Operation::Sponsor, "cap", 1);
    let bolts = Ask { client: "bolt", ..ask };
    assert_answers(&world, &[ask, bolts], &["0000 x1", "0000 x1"]);
    world.stored = vec![(ask, "0000 x1".to_owned())];
    assert_answers(&world, &[bolts, ask], &["0000 x1", "again: 0000 x1"]);
}

#[test]
fn a_verification_sent_again_with_another_pin_is_the_same_job() {
    let mut world = World::with([pool(Some("acme"), "vip", "coffee")]);
    let holder = Some(("acme", "ann"));
    world.codes = ["A", "B"].map(|code| Code { code, holder, ..Code::default() }).into();
    world.branches = vec![(0, "main", "new", "right")];
    let ask = verify("coffee", "A", "wrong");
    let asks = [ask, Ask { pin: "right", ..ask }, Ask { code: "B", ..ask }];
    assert_answers(&world, &asks, &["0608", "again: 0608", "3001: 0608"]);
    let answered = answer(&world, &asks);
    assert_eq!((answered.changes.used.len(), answered.changes.pin_failures.len()), (0, 1));
}
