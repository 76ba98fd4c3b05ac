//! The result of a job, as its caller is told.

use crate::traces::SpanContext;
use std::sync::Arc;
use std::time::Instant;

/// New, or a replay.
#[derive(derive_more::Debug, Clone, PartialEq)]
pub struct JobResult {
    /// The result message.
    #[debug("***")]
    pub body: Arc<str>,
    /// When it was decided, if that was just now; none for a replay.
    pub decided_at: Option<Instant>,
    /// Whether something was granted or used up just now; a refusal changes nothing.
    pub is_effective: bool,
    /// Where it continues its job's trace, if that is sampled.
    pub place: Option<SpanContext>,
}

impl JobResult {
    /// Whether it had been decided before.
    pub fn is_replayed(&self) -> bool {
        self.decided_at.is_none()
    }
}
