//! What every handler shares. Routes import this; it imports no route.

use super::headers;
use super::limits::Limits;
use super::limits::waits::Place;
use super::pending_replies::PendingReplies;
use super::request_publisher::RequestPublisher;
use super::tokens::Tokens;
use crate::domain::id::ClientId;
use crate::secrets::Secrets;
use crate::store::StatementLimit;
use crate::traces::Traces;
use axum::http::HeaderMap;
use sqlx::PgPool;
use std::sync::Arc;
use std::time::Duration;
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
    /// How long a synchronous client waits for a decision.
    pub(super) sync_wait: Duration,
    pub(super) traces: Traces,
    /// Cancelled when the server stops: waits end then.
    pub(super) stop: CancellationToken,
}

impl AppState {
    /// How long this client's caller waits, and its place, where it asked to wait. That is a preference: without a
    /// place, the answer is the same as without it.
    pub(super) fn may_wait(
        &self,
        client: &ClientId,
        headers: &HeaderMap,
    ) -> Option<(Duration, Place)> {
        let wait = headers::wait(headers)?;
        Some((wait, self.limits.waits.take(client)?))
    }
}
