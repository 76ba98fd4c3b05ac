//! Result messages: what a decision looks like from outside, made once and stored.

use super::event::Event;
use super::{VERSION, rfc3339};
use crate::domain::code::Code;
use crate::domain::job::Job;
use crate::domain::outcome::{Grant, GrantedCode, Outcome, Short};
use crate::domain::state::Stored;
use serde::{Deserialize, Serialize};
use serde_json::json;
use serde_json::value::RawValue;
use time::OffsetDateTime;

#[derive(Serialize)]
struct Body<'a> {
    v: u64,
    job_id: &'a str,
    client_id: &'a str,
    operation: &'static str,
    accepted_at: String,
    decided_at: String,
    success: bool,
    error_code: &'static str,
    message: &'a str,
    response: Response<'a>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    refused_by: Vec<RefusedBy>,
}

/// What was granted or found.
#[derive(Serialize)]
#[serde(untagged)]
enum Response<'a> {
    Nothing,
    Granted { events: Vec<Event<'a>>, log_id: String },
    Verified { success: bool },
    VerifiedBefore { success: bool, details: Details<'a> },
}

#[derive(Serialize)]
struct Details<'a> {
    verified_at: &'a str,
    verified_date: String,
}

/// A bound that refused.
#[derive(Serialize)]
struct RefusedBy {
    cap: String,
    left: i64,
    needed: i64,
}

/// The part of a stored answer that callers over HTTP see, taken over byte for byte.
#[derive(derive_more::Debug, Serialize, Deserialize)]
pub struct Answer<'a> {
    /// Whether it was done.
    pub success: bool,
    /// The four digits.
    pub error_code: String,
    /// For people.
    pub message: String,
    /// What was granted or found.
    #[serde(borrow)]
    #[debug("***")]
    pub response: &'a RawValue,
    /// The bounds that refused.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub refused_by: Option<&'a RawValue>,
}

/// The times and the job of a stored answer.
#[derive(Debug, Deserialize)]
pub struct Stamp {
    /// When the job was accepted.
    #[serde(with = "time::serde::rfc3339")]
    pub accepted_at: OffsetDateTime,
    /// When it was decided.
    #[serde(with = "time::serde::rfc3339")]
    pub decided_at: OffsetDateTime,
}

/// The result body of a decision.
pub fn decided(job: &Job, outcome: &Outcome, decided_at: OffsetDateTime) -> String {
    let (response, shorts) = match outcome {
        Outcome::Granted(grant) => (granted(job, grant), &[][..]),
        Outcome::Verified => (Response::Verified { success: true }, &[][..]),
        Outcome::VerifiedBefore { branch, at } => {
            let details = Details { verified_at: branch, verified_date: rfc3339(*at) };
            (Response::VerifiedBefore { success: false, details }, &[][..])
        }
        Outcome::Refused(refusal) => (Response::Nothing, refusal.shorts()),
    };
    body(job, job.accepted_at, decided_at, (outcome.code(), &outcome.message()), response, shorts)
}

/// The result body for an id that came with other content than the first of its key. Its times are
/// the first one's, so that it reads the same however often it is made.
pub fn reused(job: &Job, first_accepted: OffsetDateTime, first_decided: OffsetDateTime) -> String {
    let code = Code::KeyReused;
    body(job, first_accepted, first_decided, (code, code.message()), Response::Nothing, &[])
}

/// What a stored answer means for a job that came after it: the same bytes, or 3001.
pub fn again(job: &Job, stored: &Stored) -> String {
    if stored.content == job.content {
        stored.body.clone()
    } else {
        reused(job, stored.accepted_at, stored.decided_at)
    }
}

/// The notice that a job lies in the dead queue: no decision, so it has no code.
pub fn dead_notice(job_id: &str, client_id: &str, operation: Option<&str>, reason: &str) -> String {
    json!({
        "v": VERSION, "job_id": job_id, "client_id": client_id, "operation": operation,
        "status": "dead", "reason": reason,
    })
    .to_string()
}

fn body(
    job: &Job,
    accepted_at: OffsetDateTime,
    decided_at: OffsetDateTime,
    (code, message): (Code, &str),
    response: Response<'_>,
    shorts: &[Short],
) -> String {
    let body = Body {
        v: VERSION,
        job_id: &job.job_id,
        client_id: job.client.as_str(),
        operation: job.operation.as_str(),
        accepted_at: rfc3339(accepted_at),
        decided_at: rfc3339(decided_at),
        success: code == Code::Success,
        error_code: code.as_str(),
        message,
        response,
        refused_by: shorts
            .iter()
            .map(|s| RefusedBy { cap: s.cap.to_string(), left: s.left, needed: s.needed })
            .collect(),
    };
    serde_json::to_string(&body).unwrap_or_default()
}

fn granted<'a>(job: &Job, grant: &'a Grant) -> Response<'a> {
    let whole = || Event::new(&grant.goods, grant.amount, None);
    let coded = |code: &'a GrantedCode| Event::new(&grant.goods, 1, Some(code));
    let events = match grant.codes.as_slice() {
        [] => vec![whole()],
        codes => codes.iter().map(coded).collect(),
    };
    Response::Granted { events, log_id: job.key.to_string() }
}
