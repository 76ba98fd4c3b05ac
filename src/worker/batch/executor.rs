//! What a batch needs of the database. The retries over it are tested with a script in its place.

use crate::domain::job::Job;
use crate::store::lock_keys::LockKeys;
use crate::store::{Result as StoreResult, StoreError};
use crate::worker::batch::job_result::JobResult;
use std::sync::Arc;

/// Why an attempt has changed nothing.
#[derive(Debug)]
pub(super) enum AttemptError {
    /// Our own code panicked over one of the jobs.
    Panicked(String),
    Store(StoreError),
}

pub(super) trait Executor {
    /// One transaction that decides all of these jobs or none; their results, in order.
    fn attempt(
        &mut self,
        jobs: &Arc<[Job]>,
    ) -> impl Future<Output = Result<Vec<JobResult>, AttemptError>> + Send;

    /// What these jobs lock and another session holds now.
    fn held_keys(
        &mut self,
        jobs: &Arc<[Job]>,
    ) -> impl Future<Output = StoreResult<Vec<LockKeys>>> + Send;

    /// Whether the database keeps the lane from going on.
    fn set_paused(&mut self, is_paused: bool);
}
