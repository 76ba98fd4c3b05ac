//! The result that the ledger holds for a job.

use crate::domain::job::Job;
use crate::store::StoreError;
use crate::store::ledger::{self, JobStatus};
use crate::wire::answer;
use crate::worker::batch::job_result::JobResult;
use crate::worker::batch::metrics::count_duplicates;
use crate::worker::context::Context;

/// The result of a job that was delivered too often, if it was decided after all.
///
/// # Errors
/// As the database has it.
pub(crate) async fn find(context: &Context, job: &Job) -> Result<Option<JobResult>, StoreError> {
    let finding = ledger::find(&context.store, &job.client, job.key);
    Ok(match context.settings.statement_limit.in_time(finding).await? {
        JobStatus::Decided(stored) => {
            let body = answer::replay(job, &stored).into();
            count_duplicates("stored", 1);
            Some(JobResult { body, decided_at: None, is_effective: false, place: None })
        }
        JobStatus::Dead | JobStatus::Unseen => None,
    })
}
