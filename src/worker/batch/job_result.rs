//! What a job's caller is told.

use crate::traces::SpanContext;
use std::sync::Arc;
use std::time::Instant;

/// The result of one job, new or repeated.
#[derive(derive_more::Debug, Clone, PartialEq)]
pub struct JobResult {
    /// The result message.
    #[debug("***")]
    pub body: Arc<str>,
    /// When it was decided, if that was just now; else it is a repeat.
    pub decided_at: Option<Instant>,
    /// Whether something changed hands just now: more than a stored refusal.
    pub is_effective: bool,
    /// Where its result continues its job's trace, if that is kept.
    pub place: Option<SpanContext>,
}

impl JobResult {
    /// Whether it had been decided before.
    pub fn is_replayed(&self) -> bool {
        self.decided_at.is_none()
    }
}
