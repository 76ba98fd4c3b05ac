//! What every handler shares. Routes import this; it imports no route.

use super::headers;
use super::limits::Limits;
use super::pending_replies::PendingReplies;
use super::request_publisher::RequestPublisher;
use super::tokens::Tokens;
use crate::secrets::Secrets;
use crate::store::StatementLimit;
use crate::traces::Traces;
use axum::http::HeaderMap;
use sqlx::PgPool;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio_util::sync::CancellationToken;

/// What every handler shares.
pub(super) struct AppState {
    pub(super) secrets: Secrets,
    /// For `/Auth` and the status of jobs; accepting a job needs no database.
    pub(super) store: PgPool,
    /// How long the database may take.
    pub(super) statement_limit: StatementLimit,
    pub(super) publisher: RequestPublisher,
    pub(super) replies: PendingReplies,
    pub(super) tokens: Tokens,
    pub(super) limits: Arc<Limits>,
    /// A permit for each request that waits for a decision.
    pub(super) waits: Semaphore,
    /// How long a synchronous client waits for a decision.
    pub(super) sync_wait: Duration,
    pub(super) traces: Traces,
    /// Cancelled when the server stops: waits end then.
    pub(super) stop: CancellationToken,
}

impl AppState {
    /// How long the caller waits, and a permit for it, where it asked to wait. That is a preference:
    /// while no permit is free, the answer is the same as without it.
    pub(super) fn may_wait(&self, headers: &HeaderMap) -> Option<(Duration, SemaphorePermit<'_>)> {
        let wait = headers::wait(headers)?;
        Some((wait, self.waits.try_acquire().ok()?))
    }
}
