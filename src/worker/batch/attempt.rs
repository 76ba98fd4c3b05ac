//! One attempt at a batch: load, decide, persist, in one transaction.

use crate::domain::decide::decide;
use crate::domain::job::Job;
use crate::failpoint::{self, Point};
use crate::store::persist::Entry;
use crate::store::{self, StoreError};
use crate::traces::SpanContext;
use crate::worker::batch::decided::{Decided, pair};
use crate::worker::batch::job_result::JobResult;
use crate::worker::batch::metrics::{StepTimer, count_decided, count_duplicates};
use crate::worker::context::Context;
use sqlx::{Connection as _, PgConnection};
use std::sync::Arc;
use std::time::Instant;

/// Tries once; its steps are spans of the batch, where that has one. An error has changed nothing, but
/// a commit without an answer may have happened: the next attempt finds it in the ledger.
///
/// # Errors
/// The caller decides by [`StoreError::fault`] what to do.
pub async fn attempt(
    context: Arc<Context>,
    jobs: Arc<[Job]>,
    batch: Option<SpanContext>,
) -> Result<Vec<JobResult>, StoreError> {
    let mut db = context.store.acquire().await?;
    let results = context
        .settings
        .statement_limit
        .in_time(in_transaction(&mut db, &context, &jobs, batch))
        .await;
    if results.as_ref().is_err_and(StoreError::spoils_session) {
        db.close_on_drop();
    }
    results
}

async fn in_transaction(
    db: &mut PgConnection,
    context: &Context,
    jobs: &[Job],
    batch: Option<SpanContext>,
) -> Result<Vec<JobResult>, StoreError> {
    let mut steps = StepTimer::begin(&context.traces, batch);
    let mut db = db.begin().await?;
    let (mut state, rules) = store::load::load(&mut db, jobs, || context.rules()).await?;
    failpoint::hit(Point::AfterLoad);
    steps.done("load");

    let decided_at = Instant::now();
    let (verdicts, changes) = decide(jobs, &mut state, &rules);
    failpoint::hit(Point::AfterDecide);

    let decided = pair(jobs, verdicts, rules.now);
    let entries: Vec<Entry<'_>> = decided.iter().filter_map(Decided::entry).collect();
    steps.done("decide");
    store::persist::persist(&mut db, &entries, &changes, &state, rules.now).await?;
    failpoint::hit(Point::BeforeCommit);
    steps.done("persist");
    db.commit().await?;
    failpoint::hit(Point::AfterCommit);
    steps.done("commit");

    count_decided(&entries, rules.now);
    count_duplicates("stored", decided.iter().filter(|job| job.is_replay()).count());
    count_duplicates("3001", decided.iter().filter(|job| job.is_key_conflict()).count());
    Ok(decided.into_iter().map(|job| job.into_result(decided_at)).collect())
}
