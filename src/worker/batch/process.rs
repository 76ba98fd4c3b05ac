//! One batch through the database, whatever the database does.
//!
//! | error | what happens |
//! |---|---|
//! | outage, deadlock | the same batch again, after a pause that grows to a second |
//! | a twin stored by another worker meanwhile | the same batch again, at once |
//! | a timeout | the jobs that need a row which somebody else holds step aside, to wait for it beside the others; if none is held, the batch was too big, and is halved |
//! | a panic, a data or constraint error | the batch is halved until the culprit stands alone |
//! | anything else (missing column, read-only, full disk) | the lane pauses, alarms, and tries on |
//!
//! A culprit is poison only if it fails again after another job has got something (a refusal touches
//! too little to prove anything): where all fail alike, the fault lies with the deployment, and an
//! alarm is better than an emptied queue.

use crate::domain::job::Job;
use crate::retry::Pauses;
use crate::store::held::{self, LockedRow};
use crate::store::{self, Fault, StoreError};
use crate::wire::answer;
use crate::worker::batch::attempt::{attempt, count_duplicates};
use crate::worker::batch::bisection::{Bisection, Part};
use crate::worker::batch::delivery::Delivery;
use crate::worker::batch::job_result::JobResult;
use crate::worker::batch::spans::Spans;
use crate::worker::context::Context;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// What became of one job in the database.
#[derive(Debug)]
pub enum Processed {
    /// Decided, now or before.
    Answered(JobResult),
    /// Its own data makes the database fail, and did so again after another job had committed.
    Poison(String),
    /// The same, but no other job has got anything meanwhile: not yet proven to be its own fault.
    Suspect(String),
    /// Somebody else holds what it needs.
    Waits(LockedRow),
    /// We are stopping, and the database is away: somebody else will decide it.
    Abandoned,
}

/// Processes a batch of jobs until each has an answer or a reason. `committed` is whether any other job
/// has got something since suspects among these failed.
pub async fn process(
    context: &Arc<Context>,
    deliveries: &[Delivery],
    mut committed: bool,
    stop: &CancellationToken,
) -> Vec<Processed> {
    let mut spans = Spans::begin(&context.traces, context.source, deliveries);
    let mut suspects: Vec<(Part, String)> = Vec::new();
    let mut parts = Bisection::of(deliveries.iter().filter_map(Delivery::job).cloned().collect());
    while let Some(part) = parts.next_part() {
        match persistently(context, &part.jobs, &mut spans, stop).await {
            Ok(answers) => {
                committed |= answers.iter().any(|answer| answer.is_effective);
                parts.done(&part, answers.into_iter().map(Processed::Answered));
            }
            Err(Stuck::Stopping) => {}
            Err(Stuck::OfJob(error)) if part.jobs.len() == 1 => suspects.push((part, error)),
            Err(Stuck::OfJob(_)) => {
                metrics::counter!("redeemq_batches_split_total").increment(1);
                parts.bisect(part);
            }
            Err(Stuck::Stalled(held)) => parts.stalled(part, held),
        }
    }
    for (part, error) in suspects {
        let outcome = match committed {
            true => last_try(context, &part.jobs, &mut spans, stop).await,
            false => Processed::Suspect(error),
        };
        parts.done(&part, std::iter::once(outcome));
    }
    let mut outcomes = parts.finish();
    spans.end(&mut outcomes);
    outcomes
}

/// A suspect once more, after another job has committed: it may have failed of something that was
/// mended in between.
async fn last_try(
    context: &Arc<Context>,
    job: &Arc<[Job]>,
    spans: &mut Spans,
    stop: &CancellationToken,
) -> Processed {
    match persistently(context, job, spans, stop).await {
        Ok(mut answers) => answers.pop().map_or(Processed::Abandoned, Processed::Answered),
        Err(Stuck::OfJob(error)) => Processed::Poison(error),
        Err(Stuck::Stalled(_)) => {
            Processed::Waits(job.iter().flat_map(held::needs).collect::<Vec<_>>().into())
        }
        Err(Stuck::Stopping) => Processed::Abandoned,
    }
}

enum Stuck {
    /// A job of the part is to blame.
    OfJob(String),
    /// It took too long, and this is held by somebody else.
    Stalled(Vec<LockedRow>),
    Stopping,
}

/// Tries until it commits, or a job is to blame, or it takes too long.
async fn persistently(
    context: &Arc<Context>,
    jobs: &Arc<[Job]>,
    spans: &mut Spans,
    stop: &CancellationToken,
) -> Result<Vec<JobResult>, Stuck> {
    let mut pauses = Pauses::new();
    let mut alarm = Alarm::default();
    loop {
        let begun = Instant::now();
        // Of its own task: a panic ends it and not the lane, and nothing can drop it half-way.
        let attempt = tokio::spawn(attempt(Arc::clone(context), Arc::clone(jobs), spans.place()));
        let mut error = match attempt.await {
            Ok(Ok(answers)) => {
                tell_done(context, &answers, begun.elapsed());
                tell_paused(context, false);
                return Ok(answers);
            }
            Ok(Err(error)) => error,
            Err(panic) => {
                spans.failed("panic");
                return Err(Stuck::OfJob(format!("panic while deciding: {panic}")));
            }
        };
        let kind = kind(error.fault());
        metrics::counter!("redeemq_batch_errors_total", "kind" => kind).increment(1);
        spans.failed(kind);
        match error.fault() {
            Fault::Retry => continue,
            Fault::OfJob => return Err(Stuck::OfJob(error.to_string())),
            Fault::Stalled => {
                match store::in_time(held::held(&context.store, jobs)).await {
                    Ok(held) => return Err(stalled(&error, jobs.len(), held)),
                    // It is not a row, then: it is the database.
                    Err(worse) => error = worse,
                }
            }
            Fault::Transient | Fault::OfDeployment => {}
        }
        tell_paused(context, true);
        alarm.raise(&error, jobs.len());
        let pause = pauses.draw();
        tracing::debug!(%error, pause_ms = pause.as_millis() as u64, "the batch is tried again after a pause");
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = stop.cancelled() => return Err(Stuck::Stopping),
        }
    }
}

fn tell_paused(context: &Context, is_paused: bool) {
    let lane = context.source.label();
    metrics::gauge!("redeemq_lane_paused", "lane" => lane).set(f64::from(u8::from(is_paused)));
}

fn kind(fault: Fault) -> &'static str {
    match fault {
        Fault::Retry => "twin",
        Fault::Transient => "transient",
        Fault::Stalled => "stalled",
        Fault::OfJob => "job",
        Fault::OfDeployment => "deployment",
    }
}

fn stalled(error: &StoreError, jobs: usize, held: Vec<LockedRow>) -> Stuck {
    let held_rows = held.len();
    tracing::warn!(%error, jobs, held_rows, "a batch was not done in time: what is held by others is waited for aside");
    Stuck::Stalled(held)
}

/// Tells each cause once. The first error of a fault may be that of a session which it ended; what has
/// to be mended is the next one.
#[derive(Default)]
struct Alarm {
    told: String,
}

impl Alarm {
    fn raise(&mut self, error: &StoreError, jobs: usize) {
        let words = error.to_string();
        if words == self.told {
            return;
        }
        self.told = words;
        if error.fault() == Fault::OfDeployment {
            tracing::error!(%error, jobs, "the database refuses every batch: mend it; jobs wait and nothing is lost");
        } else {
            tracing::warn!(%error, jobs, "the database is away or busy: the batch is tried again");
        }
    }
}

/// The answer to a job that was delivered too often: the ledger's, if it was decided after all.
///
/// # Errors
/// As the database has it.
pub async fn look_up(context: &Context, job: &Job) -> Result<Option<JobResult>, StoreError> {
    let finding = store::ledger::find(&context.store, &job.client, job.key);
    let standing = store::in_time(finding).await?;
    Ok(match standing {
        store::ledger::JobStatus::Decided(stored) => {
            let body = answer::replay(job, &stored).into();
            count_duplicates("stored", 1);
            Some(JobResult { body, decided_at: None, is_effective: false, place: None })
        }
        store::ledger::JobStatus::Dead | store::ledger::JobStatus::Unseen => None,
    })
}

/// A batch is through: the only line that the usual course of things leaves in the log.
fn tell_done(context: &Context, answers: &[JobResult], took: Duration) {
    metrics::histogram!("redeemq_batch_seconds").record(took.as_secs_f64());
    metrics::histogram!("redeemq_batch_jobs").record(answers.len() as f64);
    tracing::info!(
        lane = %context.source.label(),
        jobs = answers.len(),
        effective = answers.iter().filter(|answer| answer.is_effective).count(),
        replayed = answers.iter().filter(|answer| answer.is_replayed()).count(),
        took_ms = took.as_millis() as u64,
        "decided"
    );
}
