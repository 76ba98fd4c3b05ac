//! `GET /Redeem/jobs/{id}`: what became of a job.

use super::answers::{Refused, applied, decision, json, success};
use super::{Front, body};
use crate::domain::code::Code;
use crate::domain::id::ClientId;
use crate::domain::job::JobId;
use crate::domain::params::Params;
use crate::domain::state::Stored;
use crate::store;
use crate::store::ledger::{self, Standing};
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

/// A waiting caller's job is looked up again after this time, then ever more rarely.
const LOOK_FIRST: Duration = Duration::from_millis(50);
/// Most waiters are answered long before: the rest shall not keep the database busy.
const LOOK_LATER: Duration = Duration::from_secs(1);

/// A job as its client names it.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The id.
    pub id: JobId,
    /// Whose.
    pub client: ClientId,
}

/// Status of a job.
///
/// # Errors
/// 3002 for an id that this client was never given; 3003 while the database is away.
pub async fn status(
    State(front): State<Arc<Front>>,
    job_id: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Response, Refused> {
    let (parts, _) = request.into_parts();
    let token = body::token(&parts, &Params::default())?;
    let client = front.tokens.judge(token.as_deref())?;
    front.limits.of_client(&client)?;
    let unknown = || Refused::of(Code::UnknownJob);
    let Path(job_id) = job_id.map_err(|_not_utf8| unknown())?;
    let asked = Asked { id: JobId::parse(&job_id).ok_or_else(unknown)?, client };
    // M tells queued from never given. What the ledger has, it vouches for: a publisher's own UUID has
    // no M, and what was decided stays fetchable when the secret that made its M is gone.
    let given = front.secrets.gave(&asked.client, &asked.id);
    // So there is nothing to wait for; while a publisher's job may be on its way, for all we know.
    let waiting =
        if given || asked.is_a_publishers() { front.may_wait(&parts.headers) } else { None };
    let wait = waiting.as_ref().map(|(wait, _place)| *wait);
    let deadline = Instant::now() + wait.unwrap_or_default();
    let standing = match look(&front, &asked, deadline).await {
        Ok(standing) if !given && !asked.is_vouched_for_by(&standing) => return Err(unknown()),
        Ok(standing) => standing,
        Err(error) => {
            tracing::warn!(%error, "the database did not answer");
            return Err(Refused::of(Code::Unavailable));
        }
    };
    let response = success(200, &describe(&asked, &job_id, &standing));
    Ok(match wait {
        Some(wait) => applied(response, wait.as_secs()),
        None => response,
    })
}

/// The decision on a job as soon as the ledger has it; none when the time is over or the database away.
pub async fn decision_by(front: &Front, asked: &Asked, deadline: Instant) -> Option<Response> {
    let looking = tokio::time::timeout_at(deadline, look(front, asked, deadline));
    match looking.await {
        Ok(Ok(Standing::Decided(stored))) if asked.is_answered_by(&stored) => {
            decision(&stored.body)
        }
        Ok(Ok(Standing::Decided(stored))) => {
            let code = Code::KeyReused;
            let body = envelope::refusal(code, code.message(), &Value::Null, stored.decided_at);
            Some(json(code.http_status(), body))
        }
        Ok(Ok(Standing::Dead | Standing::Unseen) | Err(_)) | Err(_) => None,
    }
}

impl Asked {
    /// Whether a ledger row answers this very job, or another one of the same key.
    fn is_answered_by(&self, stored: &Stored) -> bool {
        match &self.id {
            JobId::Given { content, .. } => *content == stored.content,
            JobId::Foreign(_) => true,
        }
    }

    /// Whether a publisher chose the id, so that no ingress can tell whether there is such a job.
    fn is_a_publishers(&self) -> bool {
        matches!(self.id, JobId::Foreign(_))
    }

    /// Whether the books prove that there is such a job.
    fn is_vouched_for_by(&self, standing: &Standing) -> bool {
        match standing {
            Standing::Decided(stored) => self.is_answered_by(stored),
            Standing::Dead => self.is_a_publishers(),
            Standing::Unseen => false,
        }
    }

    /// When it was accepted, where the id tells: random ids are time-ordered.
    fn accepted_at(&self) -> Option<OffsetDateTime> {
        let (seconds, nanos) = self.id.key().get_timestamp()?.to_unix();
        let at = OffsetDateTime::from_unix_timestamp(i64::try_from(seconds).ok()?).ok()?;
        at.replace_nanosecond(nanos).ok()
    }
}

/// Looks until there is something to see or the time is over.
async fn look(front: &Front, asked: &Asked, deadline: Instant) -> store::Result<Standing> {
    let mut pause = LOOK_FIRST;
    loop {
        let finding = ledger::find(&front.store, &asked.client, asked.id.key());
        let standing = store::in_time(finding).await?;
        let left = deadline.saturating_duration_since(Instant::now());
        if standing != Standing::Unseen || left.is_zero() {
            return Ok(standing);
        }
        tokio::select! {
            () = sleep(pause.min(left)) => {}
            () = front.stop.cancelled() => return Ok(standing),
        }
        pause = (pause * 3 / 2).min(LOOK_LATER);
    }
}

fn describe<'a>(asked: &Asked, job_id: &'a str, standing: &'a Standing) -> reply::Status<'a> {
    let (status, times, result) = match standing {
        Standing::Unseen => ("queued", (asked.accepted_at(), None), None),
        Standing::Dead => ("dead", (asked.accepted_at(), None), None),
        Standing::Decided(stored) => {
            let times = (Some(stored.accepted_at), Some(stored.decided_at));
            ("done", times, result(asked, stored))
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

fn result<'a>(asked: &Asked, stored: &'a Stored) -> Option<Answer<'a>> {
    if asked.is_answered_by(stored) {
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
