//! HTTP responses: the envelope with its status.

use crate::domain::code::Code;
use crate::domain::form::NotUtf8;
use crate::domain::outcome::Refusal;
use crate::wire::{self, envelope, reply};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use std::time::Duration;

/// `Retry-After` where nothing better is known.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// A refusal before publishing.
#[derive(Debug, Clone)]
pub struct Rejection {
    code: Code,
    status: u16,
    message: String,
    response: Value,
    retry_after: Duration,
}

impl Rejection {
    /// With the code's own message and status.
    pub(super) fn new(code: Code) -> Self {
        Self {
            code,
            status: code.http_status(),
            message: code.message().to_owned(),
            response: Value::Null,
            retry_after: RETRY_AFTER,
        }
    }

    /// 0901, until the caller may send more.
    pub(super) fn rate_limited(retry_after: Duration) -> Self {
        Self { retry_after, ..Self::new(Code::TooManyRequests) }
    }

    /// 2302 with a status of its own, about something that is no parameter.
    pub(super) fn invalid_with_status(status: u16, name: &str) -> Self {
        let code = Code::InvalidParameter;
        Self { status, message: code.message_about(&[name]), ..Self::new(code) }
    }

    /// A code whose message lists names.
    pub(super) fn naming<S: AsRef<str>>(code: Code, names: &[S]) -> Self {
        Self { message: code.message_about(names), ..Self::new(code) }
    }

    /// 2302 about a parameter or header.
    pub(super) fn invalid(name: &str) -> Self {
        Self::invalid_with_status(Code::InvalidParameter.http_status(), name)
    }

    /// 2302 naming the parameters that are not UTF-8.
    pub(super) fn not_utf8(error: &NotUtf8) -> Self {
        Self::naming(Code::InvalidParameter, error.names()).because("not UTF-8")
    }

    /// Adds to the message what is wrong.
    #[must_use]
    pub(super) fn because(mut self, reason: &str) -> Self {
        self.message = format!("{} : {reason}", self.message);
        self
    }

    /// The confirm did not come: the job may have been accepted. The caller retries with its key.
    pub(super) fn unconfirmed() -> Self {
        Self {
            response: serde_json::to_value(reply::Fate::default()).unwrap_or_default(),
            ..Self::new(Code::Unavailable)
        }
    }
}

#[cfg(test)]
impl Rejection {
    pub(super) fn status(&self) -> u16 {
        self.status
    }

    pub(super) fn message(&self) -> &str {
        &self.message
    }
}

impl From<Refusal> for Rejection {
    fn from(refusal: Refusal) -> Self {
        Self { message: refusal.message().into_owned(), ..Self::new(refusal.code()) }
    }
}

impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        metrics::counter!("redeemq_refused_total", "code" => self.code.as_str()).increment(1);
        let body = envelope::refusal(self.code, &self.message, &self.response, wire::now());
        let mut response = json(self.status, body);
        if matches!(self.code, Code::Unavailable | Code::TooManyRequests) {
            // Rounded up: a caller that obeys is not too early.
            let seconds = self.retry_after.as_millis().div_ceil(1_000).max(1) as u64;
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

pub(super) fn json(status: u16, body: String) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}

/// A success that is no decision: a token, a queued job, a status.
pub(super) fn success(status: u16, response: &impl serde::Serialize) -> Response {
    json(status, envelope::success(response, wire::now()))
}

/// A decision: 200 whatever its code, save 3001. None when the text is a notice, which is no decision.
pub(super) fn decision(stored: &str) -> Option<Response> {
    let (body, is_reused) = envelope::decision(stored).ok()?;
    let status = if is_reused { Code::KeyReused.http_status() } else { 200 };
    Some(json(status, body))
}

/// A job that is accepted and not decided yet, told as an envelope of its own code.
pub(super) fn undecided(job_id: &str) -> Response {
    let response = reply::Queued { job_id, status: "queued" };
    let code = Code::Undecided;
    json(code.http_status(), envelope::refusal(code, code.message(), &response, wire::now()))
}

/// A job that is accepted: 202 and where to ask for its status.
pub(super) fn queued(job_id: &str) -> Response {
    let mut response = success(202, &reply::Queued { job_id, status: "queued" });
    if let Ok(location) = HeaderValue::from_str(&format!("/Redeem/jobs/{job_id}")) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

/// Says that the preference `wait` was honoured (RFC 7240, section 3).
pub(super) fn applied(mut response: Response, seconds: u64) -> Response {
    if let Ok(value) = HeaderValue::from_str(&format!("wait={seconds}")) {
        response.headers_mut().insert(HeaderName::from_static("preference-applied"), value);
    }
    response
}
