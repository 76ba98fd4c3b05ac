//! Tries a batch again until it commits, or until trying it as a whole leads nowhere.

use crate::domain::job::Job;
use crate::retry::Pauses;
use crate::store::lock_keys::LockKeys;
use crate::store::{Fault, StoreError};
use crate::worker::batch::executor::{AttemptError, Executor};
use crate::worker::batch::job_result::JobResult;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;
use tracing::Level;

/// Why a batch is not tried again as it is.
#[derive(Debug, PartialEq)]
pub(super) enum Unresolved {
    /// One of its jobs makes the database fail, or our own code panic.
    JobFailed(String),
    /// It timed out, and other sessions hold these of its keys.
    TimedOut(Vec<LockKeys>),
    /// The worker stops while the database is unavailable.
    Stopping,
}

/// What follows a failed attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Retry,
    RetryAfterPause,
    FindJob,
    FindLocks,
}

fn next(fault: Fault) -> Next {
    match fault {
        Fault::Retry => Next::Retry,
        Fault::Transient | Fault::OfDeployment => Next::RetryAfterPause,
        Fault::OfJob => Next::FindJob,
        Fault::Stalled => Next::FindLocks,
    }
}

/// The results of a batch once it has committed, however long the database is unavailable.
///
/// # Errors
/// [`Unresolved`].
pub(super) async fn until_committed(
    executor: &mut impl Executor,
    jobs: &Arc<[Job]>,
    stop: &CancellationToken,
) -> Result<Vec<JobResult>, Unresolved> {
    let mut pauses = Pauses::new();
    let mut alarm = Alarm::default();
    loop {
        let mut error = match executor.attempt(jobs).await {
            Ok(results) => {
                executor.set_paused(false);
                return Ok(results);
            }
            Err(AttemptError::Panicked(panic)) => {
                return Err(Unresolved::JobFailed(format!("panic while deciding: {panic}")));
            }
            Err(AttemptError::Store(error)) => error,
        };
        match next(error.fault()) {
            Next::Retry => continue,
            Next::FindJob => return Err(Unresolved::JobFailed(error.to_string())),
            Next::FindLocks => match executor.held_keys(jobs).await {
                Ok(held) => {
                    let rows = held.len();
                    tracing::warn!(%error, jobs = jobs.len(), held_rows = rows, "batch timed out; jobs on locked rows were parked");
                    return Err(Unresolved::TimedOut(held));
                }
                // No row was to blame, then: the database does not answer at all.
                Err(worse) => error = worse,
            },
            Next::RetryAfterPause => {}
        }
        executor.set_paused(true);
        alarm.raise(&error, jobs.len());
        let pause = pauses.draw();
        tracing::debug!(%error, pause_ms = pause.as_millis() as u64, "batch failed; retrying");
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = stop.cancelled() => return Err(Unresolved::Stopping),
        }
    }
}

/// Logs each cause once. The first error of an outage may be that of a session which it ended; what
/// needs repair is the next one.
#[derive(Default)]
struct Alarm {
    last: String,
}

impl Alarm {
    fn raise(&mut self, error: &StoreError, jobs: usize) {
        match self.level(&error.to_string(), error.fault()) {
            Some(Level::ERROR) => {
                tracing::error!(%error, jobs, "the database refuses every batch; fix it: jobs wait and nothing is lost");
            }
            Some(_) => tracing::warn!(%error, jobs, "database unavailable; retrying the batch"),
            None => {}
        }
    }

    /// None for the cause that was logged last.
    fn level(&mut self, cause: &str, fault: Fault) -> Option<Level> {
        if cause == self.last {
            return None;
        }
        cause.clone_into(&mut self.last);
        Some(if fault == Fault::OfDeployment { Level::ERROR } else { Level::WARN })
    }
}

#[cfg(test)]
mod tests;
