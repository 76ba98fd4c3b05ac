//! HTTP answers: the envelope with its status.

use crate::domain::code::Code;
use crate::domain::outcome::Refusal;
use crate::wire::{self, envelope, reply};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use std::time::Duration;

/// After this time a refused caller shall try again, where nothing better is known.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// A refusal before publishing.
#[derive(Debug, Clone)]
pub struct Refused {
    code: Code,
    status: u16,
    message: String,
    response: Value,
    retry_after: Duration,
}

impl Refused {
    /// With the code's own message and status.
    pub fn of(code: Code) -> Self {
        Self {
            code,
            status: code.http_status(),
            message: code.message().to_owned(),
            response: Value::Null,
            retry_after: RETRY_AFTER,
        }
    }

    /// 0901: the caller has had his share until then.
    pub fn too_many(retry_after: Duration) -> Self {
        Self { retry_after, ..Self::of(Code::TooManyRequests) }
    }

    /// 2302 about something that is no parameter, with a status of its own.
    pub fn about_status(status: u16, name: &str) -> Self {
        let code = Code::InvalidParameter;
        Self { status, message: code.message_about(&[name]), ..Self::of(code) }
    }

    /// A code whose message lists names.
    pub fn naming(code: Code, names: &[&str]) -> Self {
        Self { message: code.message_about(names), ..Self::of(code) }
    }

    /// 2302 about a parameter or header.
    pub fn about(name: &str) -> Self {
        Self::about_status(Code::InvalidParameter.http_status(), name)
    }

    /// With a word on what is wrong.
    #[must_use]
    pub fn because(mut self, reason: &str) -> Self {
        self.message = format!("{} : {reason}", self.message);
        self
    }

    /// The job may or may not have been accepted: the caller retries with its key.
    pub fn unknown() -> Self {
        Self {
            response: serde_json::to_value(reply::Fate::default()).unwrap_or_default(),
            ..Self::of(Code::Unavailable)
        }
    }
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self { message: refusal.message().into_owned(), ..Self::of(refusal.code()) }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        metrics::counter!("redeemq_refused_total", "code" => self.code.as_str()).increment(1);
        let body = envelope::refusal(self.code, &self.message, &self.response, wire::now());
        let mut response = json(self.status, body);
        if matches!(self.code, Code::Unavailable | Code::TooManyRequests) {
            // Rounded up: who comes back when told to shall not be too early.
            let seconds = self.retry_after.as_millis().div_ceil(1_000).max(1) as u64;
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// A JSON body with a status.
pub fn json(status: u16, body: String) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}

/// A success that is no decision.
pub fn success(status: u16, response: &impl serde::Serialize) -> Response {
    json(status, envelope::success(response, wire::now()))
}

/// A decision: 200 whatever its code, save 3001. None when the text is no decision but a notice.
pub fn decision(stored: &str) -> Option<Response> {
    let (body, is_reused) = envelope::decision(stored).ok()?;
    let status = if is_reused { Code::KeyReused.http_status() } else { 200 };
    Some(json(status, body))
}

/// The preference was honoured (RFC 7240, section 3).
pub fn applied(mut response: Response, seconds: u64) -> Response {
    if let Ok(value) = HeaderValue::from_str(&format!("wait={seconds}")) {
        response.headers_mut().insert(HeaderName::from_static("preference-applied"), value);
    }
    response
}
