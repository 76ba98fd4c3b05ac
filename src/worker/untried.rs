//! An outage is not an attempt. The broker charges one to all that a session had been sent when it ends,
//! tried or not. What was not tried is noted, and taken off the count again before a job is given up.
//!
//! A process that is killed notes nothing, so a job that kills its process is charged each time. Should
//! notes be lost, or be made of a job that was sent twice, the broker's own limit still holds.

use super::Context;
use super::batch::{Asks, Item};
use crate::broker::consumer::Received;
use crate::broker::topology::ATTEMPTS_MAX;
use crate::domain::id::ClientId;
use crate::domain::job::Job;
use crate::retry::Pauses;
use crate::store::{self, StoreError};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Deliveries before this one from which notes are made. A broker's end charges thousands of jobs once;
/// only what nears the limit is worth a row.
const NOTED_FROM: i64 = ATTEMPTS_MAX / 4;
/// How often notes are tried, some five seconds. Where the database is away for longer, a charge is borne.
const NOTES_MAX: usize = 10;

/// Notes those of the rest of a session that were delivered often.
pub async fn note(context: &Context, rest: &[Item], stop: &CancellationToken) {
    let jobs: Vec<(&ClientId, Uuid)> = rest
        .iter()
        .filter(|item| item.received.attempts >= NOTED_FROM)
        .filter_map(|item| match &item.asks {
            Asks::Job(job) | Asks::Overdue(job) => Some((&job.client, job.key)),
            Asks::Nothing(_) => None,
        })
        .collect();
    if jobs.is_empty() {
        return;
    }
    let mut pauses = Pauses::new();
    for _ in 0..NOTES_MAX {
        match store::in_time(store::untried::note(&context.store, &jobs)).await {
            Ok(()) => break,
            Err(error) => {
                tracing::warn!(%error, jobs = jobs.len(), "deliveries that were not tried can't be noted yet");
            }
        }
        if stop.run_until_cancelled(tokio::time::sleep(pauses.draw())).await.is_none() {
            break;
        }
    }
}

/// Whether an overdue job was tried as often as it may be. What the broker's own limit put aside was
/// given every chance.
///
/// # Errors
/// As the database has it.
pub async fn is_over(
    context: &Context,
    received: &Received,
    job: &Job,
) -> Result<bool, StoreError> {
    if received.is_overdue {
        return Ok(true);
    }
    let counting = store::untried::count(&context.store, &job.client, job.key);
    Ok(received.attempts - store::in_time(counting).await? > ATTEMPTS_MAX)
}
