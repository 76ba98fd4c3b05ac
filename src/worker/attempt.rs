//! Steps 1 to 3 of a batch, in one transaction: load, decide, persist.

use super::Context;
use crate::crash::{self, Point};
use crate::domain::decide::{Earlier, Verdict, decide};
use crate::domain::job::Job;
use crate::domain::outcome::Outcome;
use crate::store::persist::Entry;
use crate::store::{self, StoreError};
use crate::wire::answer;
use sqlx::{Connection as _, PgConnection};
use std::sync::Arc;
use time::OffsetDateTime;

/// What a job's caller is told.
#[derive(derive_more::Debug, Clone, PartialEq)]
pub struct Answer {
    /// The result message.
    #[debug("***")]
    pub body: Arc<str>,
    /// Whether it had been decided before.
    pub is_replayed: bool,
    /// Whether something changed hands just now: more than a stored refusal.
    pub is_effective: bool,
}

/// Tries once. Whatever goes wrong, nothing has changed; whether a commit that was not answered
/// happened, the next attempt finds in the ledger.
///
/// # Errors
/// The caller decides by [`StoreError::fault`] what to do.
pub async fn attempt(context: Arc<Context>, jobs: Arc<[Job]>) -> Result<Vec<Answer>, StoreError> {
    let mut db = context.store.acquire().await?;
    let decided = store::in_time(in_transaction(&mut db, &context, &jobs)).await;
    if decided.as_ref().is_err_and(StoreError::spoils_session) {
        db.close_on_drop();
    }
    decided
}

async fn in_transaction(
    db: &mut PgConnection,
    context: &Context,
    jobs: &[Job],
) -> Result<Vec<Answer>, StoreError> {
    let mut db = db.begin().await?;
    let mut state = store::load::load(&mut db, jobs).await?;
    crash::point(Point::AfterLoad);

    let rules = context.rules();
    let (verdicts, changes) = decide(jobs, &mut state, &rules);
    crash::point(Point::AfterDecide);

    let bodies = render(jobs, &verdicts, rules.now);
    let entries = entries(jobs, &verdicts, &bodies);
    store::persist::persist(&mut db, &entries, &changes, &state, rules.now).await?;
    crash::point(Point::BeforeCommit);
    db.commit().await?;
    crash::point(Point::AfterCommit);

    for entry in &entries {
        count(entry.job, entry.outcome, rules.now);
    }
    Ok(answers(jobs, &verdicts, &bodies, rules.now))
}

/// The result of each job that was decided just now.
fn render(jobs: &[Job], verdicts: &[Verdict], now: OffsetDateTime) -> Vec<Option<Arc<str>>> {
    let body = |(job, verdict): (&Job, &Verdict)| match verdict {
        Verdict::Decided(outcome) => Some(answer::decided(job, outcome, now).into()),
        Verdict::Again(_) | Verdict::Reused(_) => None,
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
) -> Vec<Answer> {
    let body = |place: usize, job: &Job, verdict: &Verdict| match verdict {
        Verdict::Decided(_) => bodies[place].clone().unwrap_or_default(),
        Verdict::Again(Earlier::InBatch(first)) => bodies[*first].clone().unwrap_or_default(),
        Verdict::Again(Earlier::Stored(stored)) => stored.body.as_str().into(),
        Verdict::Reused(Earlier::InBatch(first)) => {
            answer::reused(job, jobs[*first].accepted_at, now).into()
        }
        Verdict::Reused(Earlier::Stored(stored)) => {
            answer::reused(job, stored.accepted_at, stored.decided_at).into()
        }
    };
    let answer = |(place, (job, verdict)): (usize, (&Job, &Verdict))| Answer {
        body: body(place, job, verdict),
        is_replayed: !matches!(verdict, Verdict::Decided(_)),
        is_effective: matches!(verdict, Verdict::Decided(Outcome::Granted(_) | Outcome::Verified)),
    };
    jobs.iter().zip(verdicts).enumerate().map(answer).collect()
}

fn count(job: &Job, outcome: &Outcome, decided_at: OffsetDateTime) {
    let (operation, code) = (job.operation.as_str(), outcome.code().as_str());
    metrics::counter!("redeemq_decided_total", "operation" => operation, "code" => code)
        .increment(1);
    let waited = (decided_at - job.accepted_at).as_seconds_f64().max(0.0);
    metrics::histogram!("redeemq_accepted_to_decided_seconds").record(waited);
}
