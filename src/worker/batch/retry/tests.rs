use super::*;
use crate::worker::batch::fixtures::{Script, job, keys_of, transient};
use std::time::Duration;
use tokio::time::Instant;

fn jobs() -> Arc<[Job]> {
    [job("mug", "ann"), job("cap", "bob")].into()
}

async fn run(script: &mut Script) -> Result<Vec<JobResult>, Unresolved> {
    until_committed(script, &jobs(), &CancellationToken::new()).await
}

#[test]
fn each_fault_has_its_next_step() {
    for (fault, expected) in [
        (Fault::Retry, Next::Retry),
        (Fault::Transient, Next::RetryAfterPause),
        (Fault::OfDeployment, Next::RetryAfterPause),
        (Fault::OfJob, Next::FindJob),
        (Fault::Stalled, Next::FindLocks),
    ] {
        assert_eq!(next(fault), expected, "{fault:?}");
    }
}

#[test]
fn an_alarm_tells_each_cause_once_until_another_comes() {
    let mut alarm = Alarm::default();
    for (cause, fault, expected) in [
        ("no session", Fault::Transient, Some(Level::WARN)),
        ("no session", Fault::Transient, None),
        ("disk full", Fault::OfDeployment, Some(Level::ERROR)),
        ("disk full", Fault::OfDeployment, None),
        ("no session", Fault::Transient, Some(Level::WARN)),
    ] {
        assert_eq!(alarm.level(cause, fault), expected, "{cause}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_duplicate_stored_meanwhile_is_retried_without_a_pause() {
    let mut script = Script::failing([StoreError::Duplicate, StoreError::Duplicate]);
    let begun = Instant::now();
    assert_eq!(run(&mut script).await.expect("committed").len(), 2);
    assert_eq!((script.attempts.len(), begun.elapsed()), (3, Duration::ZERO));
    assert_eq!(script.paused, [false], "it was never paused");
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_retried_after_pauses_that_grow_to_a_second_and_the_lane_is_paused() {
    let mut script = Script::failing((0..20).map(|_| transient()));
    let begun = Instant::now();
    assert_eq!(run(&mut script).await.expect("committed").len(), 2);
    assert_eq!(script.attempts.len(), 21);
    let took = begun.elapsed();
    assert!((Duration::from_secs(5)..Duration::from_secs(20)).contains(&took), "{took:?}");
    assert_eq!(script.paused, [[true; 20].as_slice(), &[false]].concat());
}

#[tokio::test(start_paused = true)]
async fn a_fault_of_the_deployment_is_retried_for_as_long_as_it_lasts() {
    let refused = || StoreError::LostUpdate { table: "goods", expected: 1, changed: 0 };
    let mut script = Script::failing((0..100).map(|_| refused()));
    run(&mut script).await.expect("committed");
    assert_eq!(script.attempts.len(), 101);
}

#[tokio::test(start_paused = true)]
async fn a_stopping_worker_gives_up_within_the_pause() {
    let stop = CancellationToken::new();
    let mut script = Script::failing([transient()]);
    stop.cancel();
    let given_up = until_committed(&mut script, &jobs(), &stop).await;
    assert_eq!(given_up, Err(Unresolved::Stopping));
    assert_eq!(script.attempts.len(), 1, "what was begun is finished first");
    let decided = until_committed(&mut Script::default(), &jobs(), &stop).await;
    assert_eq!(decided.expect("no outage").len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_failing_job_and_a_panic_are_told_at_once() {
    let mut failing = Script { poison: vec!["cap"], ..Script::default() };
    assert!(matches!(run(&mut failing).await, Err(Unresolved::JobFailed(_))));
    let mut panicking = Script { panics: vec!["cap"], ..Script::default() };
    let Err(Unresolved::JobFailed(error)) = run(&mut panicking).await else { panic!("decided") };
    assert!(error.starts_with("panic while deciding"), "{error}");
    assert_eq!((failing.attempts.len(), panicking.attempts.len()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_timeout_names_the_locks_that_others_hold() {
    let mut script = Script { locked: vec!["cap"], ..Script::default() };
    let Err(Unresolved::TimedOut(held)) = run(&mut script).await else { panic!("no timeout") };
    assert_eq!(held, [keys_of("cap")]);
    assert_eq!(script.paused, [] as [bool; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_timeout_whose_locks_cannot_be_asked_for_is_an_outage() {
    let mut script = Script::failing([StoreError::Silent]);
    script.unanswered = 1;
    assert_eq!(run(&mut script).await.expect("committed").len(), 2);
    assert_eq!((script.attempts.len(), script.paused), (2, vec![true, false]));
}
