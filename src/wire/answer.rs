//! Result messages: what a decision looks like from outside, made once and stored.

use super::event::Event;
use super::{VERSION, json, rfc3339, schema};
use crate::domain::code::Code;
use crate::domain::job::Job;
use crate::domain::outcome::{Grant, GrantedCode, Outcome, Short};
use crate::domain::state::Stored;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use time::OffsetDateTime;

/// A decision, as it is stored and published: the same bytes each time.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Decision")]
pub struct Body<'a> {
    #[schemars(schema_with = "schema::version")]
    v: u64,
    job_id: &'a str,
    client_id: &'a str,
    #[schemars(schema_with = "schema::operation")]
    operation: &'static str,
    #[schemars(extend("format" = "date-time"))]
    accepted_at: String,
    #[schemars(extend("format" = "date-time"))]
    decided_at: String,
    success: bool,
    #[schemars(schema_with = "schema::code")]
    error_code: &'static str,
    message: &'a str,
    response: Response<'a>,
    /// The bounds that refused.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    refused_by: Vec<RefusedBy>,
}

/// What was granted or found; null of what was refused.
#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
#[schemars(rename = "Found")]
pub enum Response<'a> {
    /// Refused.
    Nothing,
    /// What the player received.
    Granted {
        /// One for all units, or one for each code.
        events: Vec<Event<'a>>,
        /// The job's key in the ledger.
        log_id: String,
    },
    /// Whether the coupon was good; else where and when it was used up.
    Verified {
        /// Whether it was good until now.
        success: bool,
        /// Where and when it was used up before.
        #[serde(skip_serializing_if = "Option::is_none")]
        details: Option<Details<'a>>,
    },
}

/// Where and when a coupon was used up.
#[derive(Serialize, JsonSchema)]
pub struct Details<'a> {
    verified_at: &'a str,
    verified_date: String,
}

/// A bound that refused.
#[derive(Serialize, JsonSchema)]
pub(super) struct RefusedBy {
    /// `stock`, `codes`, `per_player`, `per_client`, `point`, `badge:<id>` or `custom:<id>`.
    cap: String,
    left: i64,
    needed: i64,
}

/// The part of a stored answer that callers over HTTP see, taken over byte for byte.
#[derive(derive_more::Debug, Serialize, Deserialize, JsonSchema)]
pub struct Answer<'a> {
    /// Whether it was done.
    pub success: bool,
    /// The four digits.
    #[schemars(schema_with = "schema::code")]
    pub error_code: String,
    /// For people.
    pub message: String,
    /// What was granted or found.
    #[serde(borrow)]
    #[debug("***")]
    #[schemars(with = "Response<'a>")]
    pub response: &'a RawValue,
    /// The bounds that refused.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Vec<RefusedBy>")]
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

/// The four digits of a stored answer.
pub fn code(body: &str) -> Option<String> {
    serde_json::from_str(body).ok().map(|answer: Answer<'_>| answer.error_code)
}

/// The result body of a decision.
pub fn decided(job: &Job, outcome: &Outcome, decided_at: OffsetDateTime) -> String {
    let (response, shorts) = match outcome {
        Outcome::Granted(grant) => (granted(job, grant), &[][..]),
        Outcome::Verified => (Response::Verified { success: true, details: None }, &[][..]),
        Outcome::VerifiedBefore { branch, at } => {
            let details = Details { verified_at: branch, verified_date: rfc3339(*at) };
            (Response::Verified { success: false, details: Some(details) }, &[][..])
        }
        Outcome::Refused(refusal) => (Response::Nothing, refusal.shorts()),
    };
    body(job, job.accepted_at, decided_at, (outcome.code(), &outcome.message()), response, shorts)
}

/// The result body for an id that came with other content than the first of its key. Its times are
/// the first one's, so that it reads the same however often it is made.
pub fn key_conflict(
    job: &Job,
    first_accepted: OffsetDateTime,
    first_decided: OffsetDateTime,
) -> String {
    let code = Code::KeyReused;
    body(job, first_accepted, first_decided, (code, code.message()), Response::Nothing, &[])
}

/// What a stored answer means for a job that came after it: the same bytes, or 3001.
pub fn replay(job: &Job, stored: &Stored) -> String {
    if stored.content == job.content {
        stored.body.clone()
    } else {
        key_conflict(job, stored.accepted_at, stored.decided_at)
    }
}

/// The notice that a job lies in the dead queue: no decision, so it has no code.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "DeadNotice")]
pub struct Notice<'a> {
    #[schemars(schema_with = "schema::version")]
    v: u64,
    job_id: &'a str,
    client_id: &'a str,
    /// Null where none of ours was named.
    #[schemars(schema_with = "schema::operation_or_none")]
    operation: Option<&'a str>,
    #[schemars(extend("const" = "dead"))]
    status: &'static str,
    /// For the operator.
    reason: &'a str,
}

/// Writes a [`Notice`].
pub fn dead_notice(job_id: &str, client_id: &str, operation: Option<&str>, reason: &str) -> String {
    let notice = Notice { v: VERSION, job_id, client_id, operation, status: "dead", reason };
    json(&notice)
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
    json(&body)
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
