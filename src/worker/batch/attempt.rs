//! Steps 1 to 3 of a batch, in one transaction: load, decide, persist.

use crate::domain::decide::{Earlier, Verdict, decide};
use crate::domain::job::Job;
use crate::domain::outcome::Outcome;
use crate::failpoint::{self, Point};
use crate::store::persist::Entry;
use crate::store::{self, StoreError};
use crate::traces::{SpanContext, Traces};
use crate::wire::answer;
use crate::worker::batch::job_result::JobResult;
use crate::worker::context::Context;
use sqlx::{Connection as _, PgConnection};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;
use time::OffsetDateTime;

/// Tries once. Whatever goes wrong, nothing has changed; whether a commit that was not answered
/// happened, the next attempt finds in the ledger. Its steps are spans of the batch, where that has one.
///
/// # Errors
/// The caller decides by [`StoreError::fault`] what to do.
pub async fn attempt(
    context: Arc<Context>,
    jobs: Arc<[Job]>,
    batch: Option<SpanContext>,
) -> Result<Vec<JobResult>, StoreError> {
    let mut db = context.store.acquire().await?;
    let decided = store::in_time(in_transaction(&mut db, &context, &jobs, batch)).await;
    if decided.as_ref().is_err_and(StoreError::spoils_session) {
        db.close_on_drop();
    }
    decided
}

async fn in_transaction(
    db: &mut PgConnection,
    context: &Context,
    jobs: &[Job],
    batch: Option<SpanContext>,
) -> Result<Vec<JobResult>, StoreError> {
    let mut steps = Steps::begin(&context.traces, batch);
    let mut db = db.begin().await?;
    let mut state = store::load::load(&mut db, jobs).await?;
    failpoint::hit(Point::AfterLoad);
    steps.done("load");

    let (rules, decided_at) = (context.rules(), Instant::now());
    let (verdicts, changes) = decide(jobs, &mut state, &rules);
    failpoint::hit(Point::AfterDecide);

    let bodies = render(jobs, &verdicts, rules.now);
    let entries = entries(jobs, &verdicts, &bodies);
    steps.done("decide");
    store::persist::persist(&mut db, &entries, &changes, &state, rules.now).await?;
    failpoint::hit(Point::BeforeCommit);
    steps.done("persist");
    db.commit().await?;
    failpoint::hit(Point::AfterCommit);
    steps.done("commit");

    count(&entries, rules.now);
    count_repeats(&verdicts);
    Ok(answers(jobs, &verdicts, &bodies, rules.now, decided_at))
}

/// How long each step took.
struct Steps<'a> {
    begun: Instant,
    traces: &'a Traces,
    batch: Option<SpanContext>,
}

impl<'a> Steps<'a> {
    fn begin(traces: &'a Traces, batch: Option<SpanContext>) -> Self {
        Self { begun: Instant::now(), traces, batch }
    }

    fn done(&mut self, step: &'static str) {
        let took = self.begun.elapsed();
        metrics::histogram!("redeemq_step_seconds", "step" => step).record(took.as_secs_f64());
        if let Some(batch) = &self.batch {
            self.traces.step(batch, step, took);
        }
        self.begun += took;
    }
}

/// The result of each job that was decided just now.
fn render(jobs: &[Job], verdicts: &[Verdict], now: OffsetDateTime) -> Vec<Option<Arc<str>>> {
    let body = |(job, verdict): (&Job, &Verdict)| match verdict {
        Verdict::Decided(outcome) => Some(answer::decided(job, outcome, now).into()),
        Verdict::Replay(_) | Verdict::KeyConflict(_) => None,
    };
    jobs.iter().zip(verdicts).map(body).collect()
}

fn entries<'a>(
    jobs: &'a [Job],
    verdicts: &'a [Verdict],
    bodies: &'a [Option<Arc<str>>],
) -> Vec<Entry<'a>> {
    let decided = jobs.iter().zip(verdicts).zip(bodies);
    decided
        .filter_map(|((job, verdict), body)| match (verdict, body) {
            (Verdict::Decided(outcome), Some(body)) => Some(Entry { job, outcome, body }),
            _ => None,
        })
        .collect()
}

fn answers(
    jobs: &[Job],
    verdicts: &[Verdict],
    bodies: &[Option<Arc<str>>],
    now: OffsetDateTime,
    decided_at: Instant,
) -> Vec<JobResult> {
    let body = |place: usize, job: &Job, verdict: &Verdict| match verdict {
        Verdict::Decided(_) => bodies[place].clone().unwrap_or_default(),
        Verdict::Replay(Earlier::InBatch(first)) => bodies[*first].clone().unwrap_or_default(),
        Verdict::Replay(Earlier::Stored(stored)) => stored.body.as_str().into(),
        Verdict::KeyConflict(Earlier::InBatch(first)) => {
            answer::key_conflict(job, jobs[*first].accepted_at, now).into()
        }
        Verdict::KeyConflict(Earlier::Stored(stored)) => {
            answer::key_conflict(job, stored.accepted_at, stored.decided_at).into()
        }
    };
    let answer = |(place, (job, verdict)): (usize, (&Job, &Verdict))| JobResult {
        body: body(place, job, verdict),
        decided_at: matches!(verdict, Verdict::Decided(_)).then_some(decided_at),
        is_effective: matches!(verdict, Verdict::Decided(Outcome::Granted(_) | Outcome::Verified)),
        place: None,
    };
    jobs.iter().zip(verdicts).enumerate().map(answer).collect()
}

/// Summed first, for a batch has many jobs and few kinds of decisions.
fn count(entries: &[Entry<'_>], decided_at: OffsetDateTime) {
    let waits = metrics::histogram!("redeemq_accepted_to_decided_seconds");
    let mut decided: BTreeMap<(&'static str, &'static str), u64> = BTreeMap::new();
    for Entry { job, outcome, .. } in entries {
        let kind = (job.operation.as_str(), outcome.code().as_str());
        *decided.entry(kind).or_default() += 1;
        waits.record((decided_at - job.accepted_at).as_seconds_f64().max(0.0));
    }
    for ((operation, code), jobs) in decided {
        metrics::counter!("redeemq_decided_total", "operation" => operation, "code" => code)
            .increment(jobs);
    }
}

fn count_repeats(verdicts: &[Verdict]) {
    let count = |is: fn(&Verdict) -> bool| verdicts.iter().filter(|verdict| is(verdict)).count();
    count_duplicates("stored", count(|verdict| matches!(verdict, Verdict::Replay(_))));
    count_duplicates("3001", count(|verdict| matches!(verdict, Verdict::KeyConflict(_))));
}

/// Jobs whose id was decided before: answered with what is stored, or refused for other content.
pub fn count_duplicates(answer: &'static str, jobs: usize) {
    if jobs > 0 {
        metrics::counter!("redeemq_duplicates_total", "answer" => answer).increment(jobs as u64);
    }
}
