//! The envelope of every HTTP answer.

use super::answer::{Answer, RefusedBy, Stamp};
use super::{json, rfc3339, schema};
use crate::domain::code::Code;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::value::RawValue;
use time::OffsetDateTime;

/// Version of the HTTP contract, in every envelope.
pub const API_VERSION: &str = "1.0.0";

/// What every answer consists of.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "EnvelopeOf{R}")]
pub struct Envelope<'a, R: Serialize> {
    /// Whether the code is `0000`.
    success: bool,
    #[schemars(schema_with = "schema::code")]
    error_code: &'a str,
    /// For people; programs compare the code.
    message: &'a str,
    response: R,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Vec<RefusedBy>")]
    refused_by: Option<&'a RawValue>,
    /// Seconds since 1970, of the decision where there is one.
    timestamp: i64,
    #[schemars(extend("format" = "date-time"))]
    time: String,
    version: &'static str,
}

impl<'a, R: Serialize> Envelope<'a, R> {
    fn new(code: &'a str, message: &'a str, response: R, at: OffsetDateTime) -> Self {
        Self {
            success: code == Code::Success.as_str(),
            error_code: code,
            message,
            response,
            refused_by: None,
            timestamp: at.unix_timestamp(),
            time: rfc3339(at),
            version: API_VERSION,
        }
    }

    fn to_json(&self) -> String {
        json(self)
    }
}

/// A success that is no decision: a token, a queued job, a status.
pub fn success(response: &impl Serialize, at: OffsetDateTime) -> String {
    let code = Code::Success;
    Envelope::new(code.as_str(), code.message(), response, at).to_json()
}

/// A refusal before publishing. `response` is null but where something is known that helps.
pub fn refusal(code: Code, message: &str, response: &impl Serialize, at: OffsetDateTime) -> String {
    Envelope::new(code.as_str(), message, response, at).to_json()
}

/// A decision, with the times of the decision: equal answers are equal. Also whether the answer is
/// 3001, the one decision that has an HTTP status of its own.
///
/// # Errors
/// When the text is no stored answer.
pub fn decision(stored: &str) -> serde_json::Result<(String, bool)> {
    let answer: Answer<'_> = serde_json::from_str(stored)?;
    let stamp: Stamp = serde_json::from_str(stored)?;
    let mut envelope =
        Envelope::new(&answer.error_code, &answer.message, answer.response, stamp.decided_at);
    envelope.refused_by = answer.refused_by;
    Ok((envelope.to_json(), answer.error_code == Code::KeyReused.as_str()))
}
