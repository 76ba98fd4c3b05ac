use super::*;
use crate::worker::batch::fixtures::{goods, job, keys_of, result};
use crate::worker::batch::job_result::JobResult;

/// Jobs of different players.
fn batch(goods: &[&str]) -> Bisection {
    let jobs = goods.iter().enumerate().map(|(at, goods)| job(goods, &format!("p{at}")));
    Bisection::of(jobs.collect())
}

fn next(batch: &mut Bisection) -> Part {
    batch.next_part().expect("a part")
}

fn goods_of(part: &Part) -> Vec<String> {
    part.jobs.iter().map(goods).collect()
}

/// Decides all jobs of a part.
fn decide(batch: &mut Bisection, part: &Part) {
    let decided = goods_of(part).iter().map(|goods| decided(goods)).collect::<Vec<_>>();
    batch.done(part, decided);
}

fn decided(goods: &str) -> Processed {
    Processed::Decided(JobResult { decided_at: None, ..result(goods, true) })
}

#[test]
fn a_batch_begins_as_one_part_and_is_done_with_it() {
    let mut batch = batch(&["mug", "cap"]);
    let all = next(&mut batch);
    assert_eq!(goods_of(&all), ["mug", "cap"]);
    decide(&mut batch, &all);
    assert!(batch.next_part().is_none());
    assert_eq!(batch.finish(), [decided("mug"), decided("cap")]);
}

#[test]
fn an_empty_batch_has_no_part() {
    let mut batch = batch(&[]);
    assert!(batch.next_part().is_none());
    assert!(batch.finish().is_empty());
}

#[test]
fn halves_are_tried_in_the_order_of_arrival_down_to_single_jobs() {
    let mut batch = batch(&["a", "b", "c", "d", "e"]);
    let mut tried = Vec::new();
    while let Some(part) = batch.next_part() {
        tried.push(goods_of(&part).concat());
        match part.jobs.len() {
            1 => decide(&mut batch, &part),
            _ => batch.bisect(part),
        }
    }
    assert_eq!(tried, ["abcde", "ab", "a", "b", "cde", "c", "de", "d", "e"]);
    assert_eq!(batch.finish(), ["a", "b", "c", "d", "e"].map(decided));
}

#[test]
fn jobs_on_locked_rows_are_parked_and_the_rest_of_the_part_is_tried_again() {
    let mut batch = batch(&["mug", "cap", "mug", "pen"]);
    let all = next(&mut batch);
    batch.timed_out(all, vec![keys_of("mug")]);
    let rest = next(&mut batch);
    assert_eq!(goods_of(&rest), ["cap", "pen"]);
    decide(&mut batch, &rest);
    assert!(batch.next_part().is_none());
    let parked = || Processed::Parked(keys_of("mug"));
    assert_eq!(batch.finish(), [parked(), decided("cap"), parked(), decided("pen")]);
}

#[test]
fn later_parts_do_not_overtake_a_parked_job() {
    let mut batch = batch(&["mug", "cap", "mug", "mug"]);
    let all = next(&mut batch);
    batch.bisect(all);
    let first = next(&mut batch);
    batch.timed_out(first, vec![keys_of("mug")]);
    let rest = next(&mut batch);
    assert_eq!(goods_of(&rest), ["cap"]);
    decide(&mut batch, &rest);
    assert!(batch.next_part().is_none(), "the second half needs the same row");
}

#[test]
fn what_no_job_of_the_part_needs_is_not_to_blame() {
    let mut batch = batch(&["mug", "cap"]);
    let all = next(&mut batch);
    batch.timed_out(all, vec![keys_of("pen")]);
    assert_eq!(goods_of(&next(&mut batch)), ["mug"], "bisected: too big for its time");
    assert_eq!(goods_of(&next(&mut batch)), ["cap"]);
}

#[test]
fn a_job_that_times_out_alone_is_parked_on_all_its_keys_with_those_that_need_the_same() {
    let jobs = vec![job("mug", "ann"), job("cap", "ann"), job("pen", "bob")];
    let keys = LockKeys::of(&jobs[..1]);
    let mut batch = Bisection::of(jobs);
    let all = next(&mut batch);
    batch.bisect(all);
    let alone = next(&mut batch);
    batch.timed_out(alone, Vec::new());
    let rest = next(&mut batch);
    assert_eq!(goods_of(&rest), ["pen"], "ann's other job waits behind her first");
    decide(&mut batch, &rest);
    let parked = || Processed::Parked(keys.clone());
    assert_eq!(batch.finish(), [parked(), parked(), decided("pen")]);
}

#[test]
fn what_was_never_decided_is_abandoned() {
    let mut batch = batch(&["mug", "cap"]);
    next(&mut batch);
    assert_eq!(batch.finish(), [Processed::Abandoned, Processed::Abandoned]);
}
