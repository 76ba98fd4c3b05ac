//! Unprocessed deliveries. The broker counts a delivery for everything that a session was sent when it
//! ends, tried or not, and an outage is no attempt at a job. So what was not tried is recorded, and taken
//! off the broker's count before a job is dead-lettered.
//!
//! A process that is killed records nothing, so a job that kills its process is charged each time, as is
//! whatever else that process was sent and had not tried. Should records be lost, or be made of a job
//! that was sent twice, the broker's own limit still holds.

use crate::broker::consume::received::Received;
use crate::domain::id::ClientId;
use crate::domain::job::Job;
use crate::retry::Pauses;
use crate::store::{self, StoreError};
use crate::worker::batch::delivery::{Delivery, Payload};
use crate::worker::context::Context;
use crate::worker::redelivery::policy::policy;
use std::time::Duration;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Longest time for recording, while nothing else of the lane goes on. Where the database is away for
/// longer, the deliveries count.
const RECORDING_MAX: Duration = Duration::from_secs(3);
/// The same for a process that is to end.
const LAST_RECORDING_MAX: Duration = Duration::from_secs(1);

/// Records those of the unprocessed deliveries whose jobs were delivered often.
pub(crate) async fn record(context: &Context, unprocessed: &[Delivery], stop: &CancellationToken) {
    let jobs: Vec<(&ClientId, Uuid)> = unprocessed
        .iter()
        .filter(|delivery| delivery.policy().is_recorded_unprocessed)
        .filter_map(|delivery| match &delivery.payload {
            Payload::Job(job) | Payload::OverLimit(job) => Some((&job.client, job.key)),
            Payload::Malformed(_) => None,
        })
        .collect();
    if jobs.is_empty() {
        return;
    }
    let within = if stop.is_cancelled() { LAST_RECORDING_MAX } else { RECORDING_MAX };
    if timeout(within, record_with_retries(context, &jobs)).await.is_err() {
        tracing::warn!(
            jobs = jobs.len(),
            "could not record unprocessed deliveries; they count as attempts"
        );
    }
}

async fn record_with_retries(context: &Context, jobs: &[(&ClientId, Uuid)]) {
    let mut pauses = Pauses::new();
    while let Err(error) = store::untried::note(&context.store, jobs).await {
        tracing::debug!(%error, "could not record unprocessed deliveries yet; retrying");
        sleep(pauses.draw()).await;
    }
    if let Err(error) = store::untried::forget(&context.store).await {
        tracing::debug!(%error, "could not delete old records of unprocessed deliveries; retrying later");
    }
}

/// Whether a job over the delivery limit was tried as often as it may be. The broker's own limit holds,
/// whatever was recorded.
///
/// # Errors
/// As the database has it.
pub(crate) async fn is_over_limit(
    context: &Context,
    received: &Received,
    job: &Job,
) -> Result<bool, StoreError> {
    if received.is_over_broker_limit {
        return Ok(true);
    }
    let counting = store::untried::count(&context.store, &job.client, job.key);
    let unprocessed = store::in_time(counting).await?;
    Ok(policy(received.delivery_count - unprocessed).is_over_limit)
}
