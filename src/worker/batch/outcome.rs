//! What became of one job in the database.

use crate::store::lock_keys::LockKeys;
use crate::worker::batch::job_result::JobResult;

#[derive(Debug, PartialEq)]
pub(crate) enum Processed {
    /// Decided, now or before.
    Decided(JobResult),
    /// It failed alone, and failed again after another job had committed: its own data is at fault.
    Poison(String),
    /// It failed alone, and no other job has committed since: not yet proven to be its own fault.
    Suspect(String),
    /// Another session holds what it locks.
    Parked(LockKeys),
    /// It was not tried, for its process did not survive the attempts before.
    OverLimit,
    /// The worker stops while the database is unavailable: another worker will decide it.
    Abandoned,
}
