use super::*;
use crate::worker::batch::fixtures::{Script, job, keys_of, transient};

async fn run(script: &mut Script, goods: &[&str], is_proven: bool) -> Vec<Processed> {
    let jobs = goods.iter().map(|goods| job(goods, "ann")).collect();
    process_with(script, jobs, is_proven, &CancellationToken::new()).await
}

/// Outcomes in short words.
fn words(outcomes: &[Processed]) -> Vec<String> {
    let word = |outcome: &Processed| match outcome {
        Processed::Decided(result) => result.body.to_string(),
        Processed::Poison(_) => "poison".to_owned(),
        Processed::Suspect(_) => "suspect".to_owned(),
        Processed::Parked(_) => "parked".to_owned(),
        Processed::OverLimit => "over the limit".to_owned(),
        Processed::Abandoned => "abandoned".to_owned(),
    };
    outcomes.iter().map(word).collect()
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_commits_is_one_attempt_and_results_keep_the_order() {
    let mut script = Script::default();
    let outcomes = run(&mut script, &["mug", "cap", "pen"], false).await;
    assert_eq!(words(&outcomes), ["mug", "cap", "pen"]);
    assert_eq!(script.attempts.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_failing_job_is_bisected_out_and_dies_when_it_fails_again_after_another_was_effective() {
    let mut script = Script { poison: vec!["bad"], ..Script::default() };
    let outcomes = run(&mut script, &["mug", "bad", "cap", "pen"], false).await;
    assert_eq!(words(&outcomes), ["mug", "poison", "cap", "pen"]);
    let attempts: Vec<String> = script.attempts.iter().map(|goods| goods.join(" ")).collect();
    assert_eq!(attempts, ["mug bad cap pen", "mug bad", "mug", "bad", "cap pen", "bad"]);
}

#[tokio::test(start_paused = true)]
async fn jobs_that_all_fail_are_suspects_and_so_is_one_beside_refusals() {
    let mut script = Script { poison: vec!["bad", "worse"], ..Script::default() };
    assert_eq!(words(&run(&mut script, &["bad", "worse"], false).await), ["suspect"; 2]);
    script.refused = vec!["mug"];
    assert_eq!(words(&run(&mut script, &["mug", "bad"], false).await), ["mug", "suspect"]);
}

#[tokio::test(start_paused = true)]
async fn a_suspect_dies_alone_when_another_batch_was_effective_since() {
    let mut script = Script { panics: vec!["bad"], ..Script::default() };
    assert_eq!(words(&run(&mut script, &["bad"], true).await), ["poison"]);
    assert_eq!(script.attempts.len(), 2, "it was tried once more");
}

#[tokio::test(start_paused = true)]
async fn a_suspect_whose_fault_was_repaired_in_between_is_decided() {
    let mut script = Script { poison: vec!["bad"], ..Script::default() };
    script.then = Some((3, |script| script.poison.clear()));
    let outcomes = run(&mut script, &["bad", "mug"], false).await;
    assert_eq!(words(&outcomes), ["bad", "mug"]);
}

#[tokio::test(start_paused = true)]
async fn a_suspect_that_times_out_at_its_last_try_is_parked_on_all_that_it_locks() {
    let mut script = Script { poison: vec!["bad"], ..Script::default() };
    script.then = Some((3, |script| {
        script.locked = std::mem::take(&mut script.poison);
    }));
    let outcomes = run(&mut script, &["bad", "mug"], false).await;
    assert_eq!(outcomes[0], Processed::Parked(LockKeys::of(&[job("bad", "ann")])));
}

#[tokio::test(start_paused = true)]
async fn jobs_on_locked_rows_are_parked_and_all_others_are_decided_together() {
    let mut script = Script { locked: vec!["mug"], ..Script::default() };
    let outcomes = run(&mut script, &["mug", "cap", "mug", "pen"], false).await;
    assert_eq!(words(&outcomes), ["parked", "cap", "parked", "pen"]);
    assert_eq!(outcomes[0], Processed::Parked(keys_of("mug")));
    assert_eq!(script.attempts[1], ["cap", "pen"]);
}

#[tokio::test(start_paused = true)]
async fn a_batch_too_big_for_its_time_is_bisected_and_counts_no_failing_job() {
    let mut script = Script { jobs_max: Some(1), ..Script::default() };
    let outcomes = run(&mut script, &["mug", "cap", "pen"], false).await;
    assert_eq!(words(&outcomes), ["mug", "cap", "pen"]);
    assert_eq!(script.attempts.len(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_stopping_worker_abandons_what_an_outage_keeps_undecided() {
    let stop = CancellationToken::new();
    stop.cancel();
    let mut script = Script::failing([transient()]);
    let jobs = vec![job("mug", "ann"), job("cap", "ann")];
    let outcomes = process_with(&mut script, jobs, false, &stop).await;
    assert_eq!(words(&outcomes), ["abandoned"; 2]);
}
