//! The protocol of a batch, as a model that a checker walks through in every order in which things
//! can happen: two workers, a broker that delivers again and in any order, a database in READ
//! COMMITTED, three jobs that can't all be granted, and faults wherever they may strike. Then the same
//! with a piece taken out: which promises does that break, and by which story?
//!
//! Read `protocol/world.rs` first (who has what), then `worker.rs` (its steps), `events.rs` (what else
//! may happen) and `promises.rs`.

mod events;
mod promises;
mod worker;
mod world;

use events::Event::{self, Accept, Crash, CutOff, Do, LoseConfirm, Take};
use events::{Protocol, REDEEMQ};
use stateright::{Checker, Model};
use worker::Step::{self, Ack, Commit, Lock, Look, Persist, Publish, Read};
use world::{Job, World};

#[test]
fn every_promise_holds_in_every_order_of_events_with_any_two_faults() {
    check(REDEEMQ).assert_properties();
}

#[test]
fn a_decided_job_comes_again_after_a_crash_a_lost_connection_or_a_lost_confirm() {
    let checked = check(Protocol { faults: 1, ..REDEEMQ });
    let decided = does(0, &[2], &[Lock, Read, Persist, Commit]);
    let retried = [LoseConfirm(2), Accept(0), Accept(1), Accept(2)];
    for story in [
        [&ACCEPTED, &decided[..], &[Crash(0), Take(1, vec![2])]],
        [&ACCEPTED, &decided[..], &[CutOff(0), Take(1, vec![2])]],
        [&retried, &decided[..], &[Take(1, vec![2])]],
    ] {
        checked.assert_discovery("a decided job comes again", story.concat());
    }
}

#[test]
fn an_ack_before_the_commit_loses_a_job() {
    let broken = Protocol { steps: &[Lock, Read, Persist, Ack, Commit, Publish], ..REDEEMQ };
    let acked = does(0, &[2], &[Lock, Read, Persist, Ack]);
    let story = [&ACCEPTED, &acked[..], &[Crash(0)]];
    assert_breaks(broken, &["P1", "P4"], "P1 nothing lost", &story);
}

#[test]
fn an_ack_before_the_result_is_confirmed_leaves_a_decision_unanswered() {
    let broken = Protocol { steps: &[Lock, Read, Persist, Commit, Ack, Publish], ..REDEEMQ };
    let acked = does(0, &[2], &[Lock, Read, Persist, Commit, Ack]);
    let story = [&ACCEPTED, &acked[..], &[Crash(0)]];
    assert_breaks(broken, &["P4"], "P4 acked means answered", &story);
}

/// The first answer is that of a decision which never was; then another job gets the stock.
#[test]
fn a_result_before_the_commit_gives_a_job_two_answers() {
    let broken = Protocol { steps: &[Lock, Read, Persist, Publish, Commit, Ack], ..REDEEMQ };
    let granted = does(0, &[2], &[Lock, Read, Persist, Publish]);
    let other = does(1, &[0], &[Lock, Read, Persist, Publish, Commit, Ack]);
    let story = [&ACCEPTED, &granted[..], &[Crash(0)], &other[..], &granted[..]];
    assert_breaks(broken, &["P2"], "P2 one answer", &story);
}

#[test]
fn without_the_inbox_a_job_that_comes_again_is_granted_again() {
    let broken = Protocol { has_inbox: false, ..REDEEMQ };
    let first = does(0, &[0], &[Lock, Read, Persist, Commit]);
    let again = does(1, &[0], &[Lock, Read, Persist, Commit]);
    let story = [&ACCEPTED, &first[..], &[Crash(0)], &again[..]];
    assert_breaks(broken, &["P2"], "P2 one effect", &story);
}

/// A duplicate is found twice: by reading the ledger under the lock, and by counting rows. Without both,
/// `on conflict do nothing` drops the second one's row in silence, while its units are counted and
/// its own answer is told: a double effect, two answers, and books that don't balance.
#[test]
fn reading_under_the_lock_or_counting_rows_is_enough_to_find_a_duplicate_and_one_is_needed() {
    const EARLY: &[Step] = &[Read, Lock, Persist, Commit, Publish, Ack];
    assert_keeps_all(Protocol { steps: EARLY, ..REDEEMQ });
    assert_keeps_all(Protocol { counts_rows: false, ..REDEEMQ });

    let broken = Protocol { steps: EARLY, counts_rows: false, ..REDEEMQ };
    let waiting = does(1, &[1], &[Read]);
    let first = does(0, &[0], &[Read, Lock, Persist, Commit]);
    let second = [Do(1, Lock), Do(1, Persist), Do(1, Commit)];
    let story = [&ACCEPTED, &waiting[..], &first[..], &second];
    assert_breaks(broken, &["P2", "P5"], "P2 one effect", &story);
}

/// Jobs of goods that don't exist lock nothing: there, counting rows stands alone. And the
/// stock is kept twice, by the lock and by the constraint.
#[test]
fn without_the_lock_counting_rows_and_the_constraint_are_enough_and_both_are_needed() {
    const FREE: &[Step] = &[Look, Read, Persist, Commit, Publish, Ack];
    assert_keeps_all(Protocol { steps: FREE, ..REDEEMQ });
    assert_keeps_all(Protocol { has_constraint: false, ..REDEEMQ });

    let late = does(1, &[1], &[Look, Read]);
    let first = |job| does(0, &[job], &[Look, Read, Persist, Commit]);
    let second = [Do(1, Persist), Do(1, Commit)];
    let uncounted = Protocol { steps: FREE, counts_rows: false, ..REDEEMQ };
    let story = [&ACCEPTED, &late[..], &first(0)[..], &second];
    assert_breaks(uncounted, &["P2", "P5"], "P2 one effect", &story);
    let unguarded = Protocol { steps: FREE, has_constraint: false, ..REDEEMQ };
    let story = [&ACCEPTED, &late[..], &first(2)[..], &second];
    assert_breaks(unguarded, &["P3"], "P3 never over", &story);
}

const ACCEPTED: [Event; 3] = [Accept(0), Accept(1), Accept(2)];

fn does(worker: usize, batch: &[Job], steps: &[Step]) -> Vec<Event> {
    let steps = steps.iter().map(|step| Do(worker, *step));
    std::iter::once(Take(worker, batch.to_vec())).chain(steps).collect()
}

/// Visits all states. The workers are alike: where only they are swapped, it is the same state.
fn check(protocol: Protocol) -> impl Checker<Protocol> {
    let sorted = |world: &World| {
        let mut world = world.clone();
        world.workers.sort();
        world
    };
    protocol.checker().symmetry_fn(sorted).spawn_dfs().join()
}

/// The promises that break, by the beginnings of their names.
fn broken(checked: &impl Checker<Protocol>) -> Vec<&'static str> {
    let found = checked.discoveries().into_keys().filter(|name| name.starts_with('P'));
    let mut promises: Vec<_> = found.map(|name| &name[..2]).collect();
    promises.sort_unstable();
    promises.dedup();
    promises
}

fn assert_keeps_all(protocol: Protocol) {
    assert_eq!(broken(&check(Protocol { faults: 1, ..protocol })), Vec::<&str>::new());
}

/// With one fault, exactly these promises break; and one of them by this story.
fn assert_breaks(protocol: Protocol, all: &[&str], one: &'static str, story: &[&[Event]]) {
    let checked = check(Protocol { faults: 1, ..protocol });
    assert_eq!(broken(&checked), all);
    checked.assert_discovery(one, story.concat());
}
