//! An outage is not an attempt. The broker charges one to all that a session had been sent when it ends,
//! tried or not. What was not tried is noted, and taken off the count again before a job is given up.
//!
//! A process that is killed notes nothing, so a job that kills its process is charged each time; with it
//! whatever it was sent, as far as that was not tried before. Should notes be lost, or be made of a job that
//! was sent twice, the broker's own limit still holds.

use crate::broker::consume::received::Received;
use crate::broker::topology::ATTEMPTS_MAX;
use crate::domain::id::ClientId;
use crate::domain::job::Job;
use crate::retry::Pauses;
use crate::store::{self, StoreError};
use crate::worker::batch::delivery::{Delivery, Payload};
use crate::worker::context::Context;
use std::time::Duration;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Deliveries before this one from which notes are made. A broker's end charges thousands of jobs once;
/// only what nears the limit is worth a row.
const NOTED_FROM: i64 = ATTEMPTS_MAX / 4;
/// Longest time for the notes, while nothing else of the lane goes on. Where the database is away for
/// longer, a charge is borne.
const NOTING_MAX: Duration = Duration::from_secs(3);
/// The same for a process that is to end.
const LAST_NOTE_MAX: Duration = Duration::from_secs(1);

/// Notes those of the rest of a session that were delivered often.
pub async fn note(context: &Context, rest: &[Delivery], stop: &CancellationToken) {
    let jobs: Vec<(&ClientId, Uuid)> = rest
        .iter()
        .filter(|delivery| delivery.received.delivery_count >= NOTED_FROM)
        .filter_map(|delivery| match &delivery.payload {
            Payload::Job(job) | Payload::OverLimit(job) => Some((&job.client, job.key)),
            Payload::Malformed(_) => None,
        })
        .collect();
    if jobs.is_empty() {
        return;
    }
    let patience = if stop.is_cancelled() { LAST_NOTE_MAX } else { NOTING_MAX };
    if timeout(patience, persistently(context, &jobs)).await.is_err() {
        tracing::warn!(
            jobs = jobs.len(),
            "the database is away: deliveries count as attempts that were none"
        );
    }
}

async fn persistently(context: &Context, jobs: &[(&ClientId, Uuid)]) {
    let mut pauses = Pauses::new();
    while let Err(error) = store::untried::note(&context.store, jobs).await {
        tracing::debug!(%error, "deliveries that were not tried can't be noted yet");
        sleep(pauses.draw()).await;
    }
    if let Err(error) = store::untried::forget(&context.store).await {
        tracing::debug!(%error, "old notes are forgotten another time");
    }
}

/// Whether an overdue job was tried as often as it may be. The broker's own limit is the last word,
/// whatever was noted.
///
/// # Errors
/// As the database has it.
pub async fn is_over(
    context: &Context,
    received: &Received,
    job: &Job,
) -> Result<bool, StoreError> {
    if received.is_over_broker_limit {
        return Ok(true);
    }
    let counting = store::untried::count(&context.store, &job.client, job.key);
    Ok(received.delivery_count - store::in_time(counting).await? > ATTEMPTS_MAX)
}
