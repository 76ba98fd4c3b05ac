//! Random batches: the rules and the naive model must agree, and no split may matter.

use super::accounts::{
    assert_bounds, assert_written_for_their_jobs, difference, settled, without_keys,
};
use super::answer::{Answered, answer, answer_on};
use super::ask::Ask;
use super::model;
use super::shop::World;
use super::worlds::{Case, cases};
use crate::domain::decide::Verdict;
use crate::domain::job::Job;
use crate::domain::state::{Changes, State, Stored};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

fn config() -> ProptestConfig {
    ProptestConfig { failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn the_rules_say_what_the_naive_model_says((world, asks, _) in cases()) {
        let mut after = world.clone();
        let expected = model::decide(&mut after, &asks);
        let answered = answer(&world, &asks);
        prop_assert_eq!(answered.texts, expected);
        after.stored.clear();
        prop_assert_eq!(settled(answered.state), settled(after.state()));
    }

    #[test]
    fn a_batch_may_be_split_anywhere((world, asks, cuts) in cases()) {
        let whole = answer(&world, &asks);
        for cuts in [cuts, vec![true; asks.len()]] {
            let split = answer_split(&world, &asks, &cuts);
            prop_assert_eq!(&split.texts, &whole.texts);
            prop_assert_eq!(&split.changes, &whole.changes);
            prop_assert_eq!(split.state, whole.state.clone());
        }
    }

    #[test]
    fn what_is_written_is_the_difference_that_deciding_made((world, asks, _) in cases()) {
        let answered = answer(&world, &asks);
        let difference = difference(&world.state(), &settled(answered.state));
        prop_assert_eq!(without_keys(answered.changes), difference);
    }

    #[test]
    fn what_is_written_belongs_to_the_jobs_that_were_answered_so((world, asks, _) in cases()) {
        assert_written_for_their_jobs(&asks, &answer(&world, &asks));
    }

    #[test]
    fn no_bound_is_ever_passed((world, asks, _) in cases()) {
        assert_bounds(&world, &answer(&world, &asks));
    }
}

/// Random cases that reach few answers would prove little.
#[test]
fn the_random_batches_reach_every_answer() {
    let mut runner = TestRunner::deterministic();
    let mut reached = BTreeSet::new();
    for _ in 0..256 {
        let (world, asks, _): Case = cases().new_tree(&mut runner).expect("a case").current();
        for text in answer(&world, &asks).texts {
            reached.extend([words(&text, 1), words(&text, 2)]);
        }
    }
    let all = "0000,0002,0200,0501,0502,0504,0601,0602,0603,0604 stock,0604 codes,0604 per_client,\
        0605,0606,0607,0608,0901,0903,2302 amount,2302 accepted_at,3004,verified,before,\
        again: 0000,again: 0608,again: verified,3001: 0000";
    for expected in all.split(',') {
        assert!(reached.contains(expected), "never reached {expected} in {reached:?}");
    }
}

fn words(text: &str, count: usize) -> String {
    text.split(' ').take(count).collect::<Vec<_>>().join(" ")
}

/// Decides batch after batch; what one decided is stored for the next.
fn answer_split(world: &World, asks: &[Ask], cuts: &[bool]) -> Answered {
    let mut all = Answered { state: world.state(), ..Answered::default() };
    let mut first = 0;
    for last in (0..asks.len()).filter(|&n| cuts[n] || n + 1 == asks.len()) {
        let batch = &asks[first..=last];
        let one = answer_on(all.state, world, batch);
        all.state = one.state;
        for ((ask, verdict), text) in batch.iter().zip(&one.verdicts).zip(&one.texts) {
            if matches!(verdict, Verdict::Decided(_)) {
                store(&mut all.state, &ask.job(), text);
            }
        }
        all.verdicts.extend(one.verdicts);
        all.texts.extend(one.texts);
        add(&mut all.changes, one.changes);
        first = last + 1;
    }
    all.state.stored_results.clear();
    all
}

fn store(state: &mut State, job: &Job, text: &str) {
    let (content, at) = (job.content, job.accepted_at);
    let stored = Stored { content, accepted_at: at, decided_at: at, body: text.to_owned() };
    state.stored_results.insert(job.ledger_key(), Arc::new(stored));
}

fn add(sum: &mut Changes, more: Changes) {
    fn add<K: Ord>(sum: &mut BTreeMap<K, i64>, more: BTreeMap<K, i64>) {
        for (key, units) in more {
            *sum.entry(key).or_default() += units;
        }
    }
    add(&mut sum.granted, more.granted);
    add(&mut sum.player_usage, more.player_usage);
    add(&mut sum.client_usage, more.client_usage);
    add(&mut sum.spent, more.spent);
    sum.codes.extend(more.codes);
    sum.used.extend(more.used);
    sum.pin_failures.extend(more.pin_failures);
    sum.pin_resets.extend(more.pin_resets);
}
