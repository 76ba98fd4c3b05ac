//! Takes one batch through the database, whatever the database does.
//!
//! | error | what happens |
//! |---|---|
//! | outage, deadlock | the same batch again, after a pause that grows to a second |
//! | a duplicate stored by another worker meanwhile | the same batch again, at once |
//! | a timeout | jobs on rows that another session holds are parked; where none is held, the batch was too big and is bisected |
//! | a panic, a data or constraint error | the batch is bisected until the failing job is alone |
//! | anything else (missing column, read-only, full disk) | the lane pauses, alarms, and tries on |
//!
//! A job that fails alone is poison only if it fails again after another job was effective (a refusal
//! touches too little to prove anything). Where all jobs fail alike, the fault lies with the deployment,
//! and an alarm is better than an emptied queue.

use crate::domain::job::Job;
use crate::store::lock_keys::LockKeys;
use crate::worker::batch::bisection::{Bisection, Part};
use crate::worker::batch::database::Database;
use crate::worker::batch::delivery::Delivery;
use crate::worker::batch::executor::Executor;
use crate::worker::batch::outcome::Processed;
use crate::worker::batch::retry::{Unresolved, until_committed};
use crate::worker::context::Context;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// Processes a batch until each of its jobs has an outcome, in their order. `is_proven` says that another
/// job was effective since suspects among these failed.
pub(crate) async fn process(
    context: &Arc<Context>,
    deliveries: &[Delivery],
    is_proven: bool,
    stop: &CancellationToken,
) -> Vec<Processed> {
    let mut database = Database::begin(context, deliveries);
    let jobs = deliveries.iter().filter_map(Delivery::job).cloned().collect();
    let mut outcomes = process_with(&mut database, jobs, is_proven, stop).await;
    database.end(&mut outcomes);
    outcomes
}

async fn process_with(
    executor: &mut impl Executor,
    jobs: Vec<Job>,
    mut is_proven: bool,
    stop: &CancellationToken,
) -> Vec<Processed> {
    let mut suspects: Vec<(Part, String)> = Vec::new();
    let mut parts = Bisection::of(jobs);
    while let Some(part) = parts.next_part() {
        match until_committed(executor, &part.jobs, stop).await {
            Ok(results) => {
                is_proven |= results.iter().any(|result| result.is_effective);
                parts.done(&part, results.into_iter().map(Processed::Decided));
            }
            Err(Unresolved::Stopping) => {}
            Err(Unresolved::JobFailed(error)) if part.jobs.len() == 1 => {
                suspects.push((part, error));
            }
            Err(Unresolved::JobFailed(_)) => {
                metrics::counter!("redeemq_batches_split_total").increment(1);
                parts.bisect(part);
            }
            Err(Unresolved::TimedOut(held)) => parts.timed_out(part, held),
        }
    }
    for (part, error) in suspects {
        if is_proven {
            try_suspect_again(executor, &mut parts, part, stop).await;
        } else {
            parts.done(&part, [Processed::Suspect(error)]);
        }
    }
    parts.finish()
}

/// A suspect once more, now that another job was effective: what it failed of may have been repaired in
/// between.
async fn try_suspect_again(
    executor: &mut impl Executor,
    parts: &mut Bisection,
    part: Part,
    stop: &CancellationToken,
) {
    match until_committed(executor, &part.jobs, stop).await {
        Ok(results) => parts.done(&part, results.into_iter().map(Processed::Decided)),
        Err(Unresolved::JobFailed(error)) => parts.done(&part, [Processed::Poison(error)]),
        Err(Unresolved::TimedOut(_)) => {
            let keys = LockKeys::of(&part.jobs);
            parts.done(&part, [Processed::Parked(keys)]);
        }
        Err(Unresolved::Stopping) => {}
    }
}

#[cfg(test)]
mod tests;
