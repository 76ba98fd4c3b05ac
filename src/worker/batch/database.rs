//! The database behind a batch: attempts in tasks of their own, counted and traced.

use crate::domain::job::Job;
use crate::store::Result as StoreResult;
use crate::store::lock_keys::{self, LockKeys};
use crate::worker::batch::attempt::attempt;
use crate::worker::batch::delivery::Delivery;
use crate::worker::batch::executor::{AttemptError, Executor};
use crate::worker::batch::job_result::JobResult;
use crate::worker::batch::metrics::{count_failure, record_batch, record_paused};
use crate::worker::batch::outcome::Processed;
use crate::worker::batch::spans::Spans;
use crate::worker::context::Context;
use std::sync::Arc;
use std::time::Instant;

pub(super) struct Database<'a> {
    context: &'a Arc<Context>,
    spans: Spans,
}

impl<'a> Database<'a> {
    /// Begins the spans of a batch.
    pub(super) fn begin(context: &'a Arc<Context>, deliveries: &[Delivery]) -> Self {
        Self { context, spans: Spans::begin(&context.traces, context.source, deliveries) }
    }

    /// Ends the spans; each result learns where it continues its job's trace.
    pub(super) fn end(self, outcomes: &mut [Processed]) {
        self.spans.end(outcomes);
    }
}

impl Executor for Database<'_> {
    async fn attempt(&mut self, jobs: &Arc<[Job]>) -> Result<Vec<JobResult>, AttemptError> {
        let begun = Instant::now();
        let (context, jobs) = (Arc::clone(self.context), Arc::clone(jobs));
        // In a task of its own: a panic ends the task and not the lane, and nothing can drop it half-way.
        match tokio::spawn(attempt(context, jobs, self.spans.place())).await {
            Ok(Ok(results)) => {
                record_batch(&self.context.source.label(), &results, begun.elapsed());
                Ok(results)
            }
            Ok(Err(error)) => {
                self.spans.failed(count_failure(error.fault()));
                Err(AttemptError::Store(error))
            }
            Err(panic) => {
                self.spans.failed("panic");
                Err(AttemptError::Panicked(panic.to_string()))
            }
        }
    }

    async fn held_keys(&mut self, jobs: &Arc<[Job]>) -> StoreResult<Vec<LockKeys>> {
        self.context
            .settings
            .statement_limit
            .in_time(lock_keys::held(&self.context.store, jobs))
            .await
    }

    fn set_paused(&mut self, is_paused: bool) {
        record_paused(&self.context.source.label(), is_paused);
    }
}
