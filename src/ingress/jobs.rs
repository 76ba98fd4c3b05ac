//! `GET /Redeem/jobs/{id}`: what became of a job.

use super::call::Call;
use super::response::{Rejection, applied, decision, json, success};
use super::state::AppState;
use crate::domain::code::Code;
use crate::domain::id::ClientId;
use crate::domain::job::JobId;
use crate::domain::params::Params;
use crate::domain::state::Stored;
use crate::store;
use crate::store::ledger::{self, JobStatus};
use crate::wire::answer::Answer;
use crate::wire::{self, envelope, reply};
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use serde_json::Value;
use serde_json::value::RawValue;
use std::sync::Arc;
use std::time::Duration;
use time::OffsetDateTime;
use tokio::time::{Instant, sleep};

/// First pause between two look-ups for a waiting caller; each pause is longer than the one before.
const POLL_FIRST: Duration = Duration::from_millis(50);
/// Longest pause: the few callers that wait long keep the database idle meanwhile.
const POLL_MAX: Duration = Duration::from_secs(1);

/// A job, named by its client.
#[derive(Debug, Clone)]
pub(super) struct JobRef {
    pub(super) id: JobId,
    pub(super) client: ClientId,
}

/// The status of a job.
///
/// # Errors
/// 3002 for an id that this client was never given; 3003 while the database is away.
pub(super) async fn status(
    State(state): State<Arc<AppState>>,
    job_id: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Response, Rejection> {
    let (parts, _) = request.into_parts();
    let Call { parts, bearer, .. } = Call::of(&state, parts, Params::default())?;
    let client = state.tokens.verify(&bearer, &state.store).await?;
    state.limits.of_client(&client)?;
    let unknown = || Rejection::new(Code::UnknownJob);
    let Path(job_id) = job_id.map_err(|_not_utf8| unknown())?;
    let job = JobRef { id: JobId::parse(&job_id).ok_or_else(unknown)?, client };
    // The id's MAC tells queued from never given. A row in the ledger proves the job as well: a publisher's own
    // UUID has no MAC, and a decision stays fetchable after the secret of its MAC is gone.
    let given = state.secrets.gave(&job.client, &job.id);
    // Only a job that may exist is waited for; of a publisher's own UUID that can't be known.
    let waiting =
        if given || job.is_foreign() { state.may_wait(&job.client, &parts.headers) } else { None };
    let wait = waiting.as_ref().map(|(wait, _place)| *wait);
    let deadline = Instant::now() + wait.unwrap_or_default();
    let standing = match poll(&state, &job, deadline).await {
        Ok(standing) if !given && !job.is_proven_by(&standing) => return Err(unknown()),
        Ok(standing) => standing,
        Err(error) => {
            tracing::warn!(%error, "the database did not answer");
            return Err(Rejection::new(Code::Unavailable));
        }
    };
    let response = success(200, &describe(&job, &job.id.to_string(), &standing));
    Ok(match wait {
        Some(wait) => applied(response, wait.as_secs()),
        None => response,
    })
}

/// The decision on a job as soon as the ledger has it; none when the deadline passes or the database is away.
pub(super) async fn decision_by(
    state: &AppState,
    job: &JobRef,
    deadline: Instant,
) -> Option<Response> {
    let polling = tokio::time::timeout_at(deadline, poll(state, job, deadline));
    match polling.await {
        Ok(Ok(JobStatus::Decided(stored))) if job.is_answered_by(&stored) => decision(&stored.body),
        Ok(Ok(JobStatus::Decided(stored))) => {
            let code = Code::KeyReused;
            let body = envelope::refusal(code, code.message(), &Value::Null, stored.decided_at);
            Some(json(code.http_status(), body))
        }
        Ok(Ok(JobStatus::Dead | JobStatus::Unseen) | Err(_)) | Err(_) => None,
    }
}

impl JobRef {
    /// Whether a ledger row answers this very job, not another one of the same key.
    fn is_answered_by(&self, stored: &Stored) -> bool {
        match &self.id {
            JobId::Given { content, .. } => *content == stored.content,
            JobId::Foreign(_) => true,
        }
    }

    /// Whether a publisher chose the id: no ingress can tell whether there is such a job.
    fn is_foreign(&self) -> bool {
        matches!(self.id, JobId::Foreign(_))
    }

    /// Whether the database proves that there is such a job.
    fn is_proven_by(&self, standing: &JobStatus) -> bool {
        match standing {
            JobStatus::Decided(stored) => self.is_answered_by(stored),
            JobStatus::Dead => self.is_foreign(),
            JobStatus::Unseen => false,
        }
    }

    /// When it was accepted, where the id tells: random keys are time-ordered.
    fn accepted_at(&self) -> Option<OffsetDateTime> {
        let (seconds, nanos) = self.id.key().get_timestamp()?.to_unix();
        let at = OffsetDateTime::from_unix_timestamp(i64::try_from(seconds).ok()?).ok()?;
        at.replace_nanosecond(nanos).ok()
    }
}

/// Looks the job up until it has a standing, or the deadline passes.
async fn poll(state: &AppState, job: &JobRef, deadline: Instant) -> store::Result<JobStatus> {
    let mut pause = POLL_FIRST;
    loop {
        let finding = ledger::find(&state.store, &job.client, job.id.key());
        let standing = state.statement_limit.in_time(finding).await?;
        let left = deadline.saturating_duration_since(Instant::now());
        if standing != JobStatus::Unseen || left.is_zero() {
            return Ok(standing);
        }
        tokio::select! {
            () = sleep(pause.min(left)) => {}
            () = state.stop.cancelled() => return Ok(standing),
        }
        pause = (pause * 3 / 2).min(POLL_MAX);
    }
}

fn describe<'a>(job: &JobRef, job_id: &'a str, standing: &'a JobStatus) -> reply::Status<'a> {
    let (status, times, result) = match standing {
        JobStatus::Unseen => ("queued", (job.accepted_at(), None), None),
        JobStatus::Dead => ("dead", (job.accepted_at(), None), None),
        JobStatus::Decided(stored) => {
            let times = (Some(stored.accepted_at), Some(stored.decided_at));
            ("done", times, result(job, stored))
        }
    };
    reply::Status {
        job_id,
        status,
        accepted_at: times.0.map(wire::rfc3339),
        decided_at: times.1.map(wire::rfc3339),
        result,
    }
}

fn result<'a>(job: &JobRef, stored: &'a Stored) -> Option<Answer<'a>> {
    if job.is_answered_by(stored) {
        return serde_json::from_str(&stored.body).ok();
    }
    let code = Code::KeyReused;
    Some(Answer {
        success: false,
        error_code: code.as_str().to_owned(),
        message: code.message().to_owned(),
        response: RawValue::NULL,
        refused_by: None,
    })
}
