//! One batch through the database, whatever the database does.
//!
//! | error | what happens |
//! |---|---|
//! | outage, deadlock, timeout | the same batch again, after a pause that grows to a second |
//! | a twin stored by another worker meanwhile | the same batch again, at once |
//! | a panic, a data or constraint error | the batch is split until the culprit stands alone |
//! | anything else (missing column, read-only, full disk) | the lane pauses, alarms, and tries on |
//!
//! A culprit is poison only if it fails again after another job has got something (a refusal touches
//! too little to prove anything): where all fail alike, the fault lies with the deployment, and an
//! alarm is better than an emptied queue.

use super::Context;
use super::attempt::{Answer, attempt};
use crate::domain::job::Job;
use crate::retry::Pauses;
use crate::store::{self, Fault, StoreError};
use crate::wire::answer;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// Longest time that an attempt may take without a word: several times the statements' own limit.
const SILENCE_MAX: Duration = Duration::from_secs(30);

/// What became of one job in the database.
#[derive(Debug)]
pub enum Processed {
    /// Decided, now or before.
    Answered(Answer),
    /// Its own data makes the database fail, and did so again after another job had committed.
    Poison(String),
    /// The same, but no other job has got anything meanwhile: not yet proven to be its own fault.
    Suspect(String),
    /// We are stopping, and the database is away: somebody else will decide it.
    Abandoned,
}

/// Processes a batch until each job of it has an answer or a reason.
pub async fn process(
    context: &Arc<Context>,
    jobs: Vec<Job>,
    stop: &CancellationToken,
) -> Vec<Processed> {
    let mut done: Vec<Option<Processed>> = jobs.iter().map(|_| None).collect();
    let mut suspects: Vec<(usize, Arc<[Job]>, String)> = Vec::new();
    let mut committed = false;
    let mut parts = vec![(0, jobs)];
    while let Some((first, part)) = parts.pop().filter(|(_, part)| !part.is_empty()) {
        let part: Arc<[Job]> = part.into();
        match persistently(context, &part, stop).await {
            Ok(answers) => {
                committed |= answers.iter().any(|answer| answer.is_effective);
                for (i, answer) in answers.into_iter().enumerate() {
                    done[first + i] = Some(Processed::Answered(answer));
                }
            }
            Err(Stuck::Stopping) => {}
            Err(Stuck::OfJob(error)) if part.len() == 1 => suspects.push((first, part, error)),
            Err(Stuck::OfJob(_)) => {
                metrics::counter!("redeemq_batches_split_total").increment(1);
                let (left, right) = part.split_at(part.len() / 2);
                parts.push((first + left.len(), right.to_vec()));
                parts.push((first, left.to_vec()));
            }
        }
    }
    for (place, job, error) in suspects {
        done[place] = Some(match committed {
            true => last_try(context, &job, stop).await,
            false => Processed::Suspect(error),
        });
    }
    done.into_iter().map(|done| done.unwrap_or(Processed::Abandoned)).collect()
}

/// A suspect once more, after another job has committed: it may have failed of something that was
/// mended in between.
async fn last_try(context: &Arc<Context>, job: &Arc<[Job]>, stop: &CancellationToken) -> Processed {
    match persistently(context, job, stop).await {
        Ok(mut answers) => answers.pop().map_or(Processed::Abandoned, Processed::Answered),
        Err(Stuck::OfJob(error)) => Processed::Poison(error),
        Err(Stuck::Stopping) => Processed::Abandoned,
    }
}

enum Stuck {
    /// A job of the part is to blame.
    OfJob(String),
    Stopping,
}

/// Tries until it commits or a job is to blame.
async fn persistently(
    context: &Arc<Context>,
    jobs: &Arc<[Job]>,
    stop: &CancellationToken,
) -> Result<Vec<Answer>, Stuck> {
    let mut pauses = Pauses::new();
    let mut alarmed = false;
    loop {
        let begun = Instant::now();
        // Of its own task: a panic ends it and not the lane, and nothing can drop it half-way.
        let attempt = tokio::spawn(attempt(Arc::clone(context), Arc::clone(jobs)));
        // A database that is gone without a word leaves its connection waiting for minutes. That
        // attempt is left to itself: should it commit after all, the next one finds it in the ledger.
        let attempt = tokio::time::timeout(SILENCE_MAX, attempt);
        let error = match attempt.await.unwrap_or(Ok(Err(StoreError::Silent))) {
            Ok(Ok(answers)) => {
                metrics::histogram!("redeemq_batch_seconds").record(begun.elapsed().as_secs_f64());
                metrics::histogram!("redeemq_batch_jobs").record(jobs.len() as f64);
                metrics::gauge!("redeemq_lane_paused").set(0.0);
                return Ok(answers);
            }
            Ok(Err(error)) => error,
            Err(panic) => return Err(Stuck::OfJob(format!("panic while deciding: {panic}"))),
        };
        let fault = error.fault();
        let kind = match fault {
            Fault::Again => "twin",
            Fault::OfJob => return Err(Stuck::OfJob(error.to_string())),
            Fault::Transient => "transient",
            Fault::OfDeployment => "deployment",
        };
        metrics::counter!("redeemq_batch_errors_total", "kind" => kind).increment(1);
        if fault == Fault::Again {
            continue;
        }
        metrics::gauge!("redeemq_lane_paused").set(1.0);
        if !alarmed {
            alarm(fault, &error, jobs.len());
            alarmed = true;
        }
        tokio::select! {
            () = tokio::time::sleep(pauses.draw()) => {}
            () = stop.cancelled() => return Err(Stuck::Stopping),
        }
    }
}

fn alarm(fault: Fault, error: &StoreError, jobs: usize) {
    if fault == Fault::OfDeployment {
        tracing::error!(%error, jobs, "the database refuses every batch: mend it; jobs wait and nothing is lost");
    } else {
        tracing::warn!(%error, jobs, "the database is away or busy: the batch is tried again");
    }
}

/// The answer to a job that was tried too often: the ledger's, if it was decided after all.
///
/// # Errors
/// As the database has it.
pub async fn look_up(context: &Context, job: &Job) -> Result<Option<Answer>, StoreError> {
    let finding = store::ledger::find(&context.store, &job.client, job.key);
    let standing = store::in_time(finding).await?;
    Ok(match standing {
        store::ledger::Standing::Decided(stored) => {
            let body = answer::again(job, &stored).into();
            Some(Answer { body, is_replayed: true, is_effective: false })
        }
        store::ledger::Standing::Dead | store::ledger::Standing::Unseen => None,
    })
}
