//! How long the answer to an accepted job waits for the decision, and what it is without one.

use super::headers;
use super::limits::waits::Place;
use super::response::{applied, queued, undecided};
use super::state::AppState;
use crate::domain::answer_mode::AnswerMode;
use crate::domain::id::ClientId;
use axum::http::HeaderMap;
use axum::response::Response;
use std::time::Duration;

pub(super) struct Wait {
    /// None where nothing is waited for.
    pub(super) limit: Option<Duration>,
    plan: Plan,
    _place: Option<Place>,
}

/// What the mode of the client and the preferences of the request come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Plan {
    limit: Option<Duration>,
    /// Whether the answer without a decision is 202, else it is 200 with code 3005.
    is_async: bool,
    /// The preference `wait`, in seconds: the answer says that it was honoured.
    preferred: Option<u64>,
}

impl Plan {
    fn of(answers: AnswerMode, headers: &HeaderMap, default: Duration) -> Self {
        let wait = headers::wait(headers);
        let is_async = answers == AnswerMode::Async || headers::prefers_async(headers);
        let limit = if is_async { wait } else { Some(wait.unwrap_or(default)) };
        Self { limit, is_async, preferred: wait.map(|wait| wait.as_secs()) }
    }
}

impl Wait {
    /// Only so many requests wait at a time. One beyond that is answered at once: it is accepted, and its client asks
    /// for the decision.
    pub(super) fn of(
        state: &AppState,
        client: &ClientId,
        answers: AnswerMode,
        headers: &HeaderMap,
    ) -> Self {
        let plan = Plan::of(answers, headers, state.sync_wait);
        let place = plan.limit.and_then(|_| state.limits.waits.take(client));
        Self { limit: plan.limit.filter(|_| place.is_some()), plan, _place: place }
    }

    /// The answer of an accepted job: its decision, where there is one.
    pub(super) fn answer(&self, decision: Option<Response>, job_id: &str) -> Response {
        match (decision, self.plan.preferred) {
            (Some(decision), Some(seconds)) => applied(decision, seconds),
            (Some(decision), None) => decision,
            (None, _) if self.plan.is_async => queued(job_id),
            (None, _) => undecided(job_id),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn a_synchronous_client_waits_unless_it_prefers_otherwise() {
        use AnswerMode::{Async, Sync};
        for (answers, prefer, limit, is_async) in [
            (Async, "", None, true),
            (Async, "wait=3", Some(3), true),
            (Async, "respond-async", None, true),
            (Sync, "", Some(8), false),
            (Sync, "wait=3", Some(3), false),
            (Sync, "wait=99", Some(30), false),
            (Sync, "respond-async", None, true),
            (Sync, "respond-async, wait=3", Some(3), true),
            (Sync, "wait=soon", Some(8), false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert("prefer", HeaderValue::from_static(prefer));
            let plan = Plan::of(answers, &headers, Duration::from_secs(8));
            let limit = limit.map(Duration::from_secs);
            assert_eq!((plan.limit, plan.is_async), (limit, is_async), "{answers} {prefer}");
        }
    }
}
