//! Request messages: written by the ingress and by trusted publishers, read by the worker.

use super::{VERSION, instant, json, rfc3339, schema, without_bom};
use crate::domain::content::Content;
use crate::domain::id::ClientId;
use crate::domain::job::{Job, JobId};
use crate::domain::operation::Operation;
use crate::domain::params::Params;
use crate::domain::request::Request;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::error::Category;
use serde_json::value::RawValue;
use time::OffsetDateTime;

/// A request as the ingress writes it, and as trusted publishers shall.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Request")]
pub struct Written<'a> {
    #[schemars(schema_with = "schema::version")]
    v: u64,
    /// The ingress's own, or a UUID of the publisher's choice: the same one is the same job.
    #[schemars(length(min = 1))]
    job_id: &'a str,
    #[schemars(regex(pattern = r"^[a-z0-9-]{1,64}$"))]
    client_id: &'a str,
    #[schemars(schema_with = "schema::operation")]
    operation: &'static str,
    #[schemars(extend("format" = "date-time"))]
    accepted_at: String,
    /// Those of the operation.
    #[schemars(schema_with = "schema::any_object")]
    params: Value,
}

#[derive(Deserialize)]
struct Read<'a> {
    v: Option<Value>,
    job_id: Option<String>,
    client_id: Option<String>,
    operation: Option<String>,
    accepted_at: Option<String>,
    #[serde(borrow)]
    params: Option<&'a RawValue>,
}

/// The body of a request message.
pub fn encode(
    job_id: &str,
    client: &ClientId,
    operation: Operation,
    accepted_at: OffsetDateTime,
    request: &Request,
) -> Vec<u8> {
    let written = Written {
        v: VERSION,
        job_id,
        client_id: client.as_str(),
        operation: operation.as_str(),
        accepted_at: rfc3339(accepted_at),
        params: request.to_params(),
    };
    json(&written).into_bytes()
}

/// A message that is no job: it belongs into the dead queue, with this reason.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{reason}")]
pub struct Undecodable {
    /// What is wrong with it, for the operator.
    pub reason: String,
    /// Whose job it would have been, as far as that can be read: they get a notice.
    pub known: Option<Known>,
}

/// The part of a broken message that names its job.
#[derive(Debug, Clone, PartialEq)]
pub struct Known {
    /// The id as it came.
    pub job_id: String,
    /// K.
    pub key: uuid::Uuid,
    /// Whose job.
    pub client: ClientId,
    /// As it came; it may be none of ours.
    pub operation: Option<Operation>,
}

impl Known {
    /// Of a job that could be read.
    pub fn of(job: &Job) -> Self {
        Self {
            job_id: job.job_id.clone(),
            key: job.key,
            client: job.client.clone(),
            operation: Some(job.operation),
        }
    }
}

/// Reads a message body. Unacceptable *parameters* make a job that will be refused; anything else
/// that is wrong makes no job at all.
///
/// # Errors
/// [`Undecodable`] says what is wrong and, where it can be read, whose job it is.
pub fn decode(body: &[u8]) -> Result<Job, Undecodable> {
    let nameless = |reason: String| Undecodable { reason, known: None };
    let read: Read<'_> = serde_json::from_slice(without_bom(body))
        .map_err(|e| nameless(format!("not a request in JSON: {}", fault(&e))))?;
    let known = read.known();
    let broken = |reason: &str| Undecodable { reason: reason.to_owned(), known: known.clone() };

    match &read.v {
        Some(v) if v.as_u64() == Some(VERSION) => {}
        Some(Value::Number(v)) => {
            return Err(broken(&format!("unknown version {v}: this worker reads 1")));
        }
        Some(_) => return Err(broken("field v is no number")),
        None => return Err(broken("field v is missing")),
    }
    let Some(Known { job_id, key, client, operation }) = known.clone() else {
        return Err(read.nameless());
    };
    let operation = operation.ok_or_else(|| broken("field operation names no operation"))?;
    let accepted_at =
        read.accepted_at.as_deref().ok_or_else(|| broken("field accepted_at is missing"))?;
    let accepted_at = instant(accepted_at)
        .ok_or_else(|| broken("field accepted_at is no RFC 3339 time of the years 1970 to 9999"))?;
    let params: Params = match read.params {
        Some(raw) => serde_json::from_str(raw.get())
            .map_err(|e| broken(&format!("field params is no object: {}", fault(&e))))?,
        None => Params::default(),
    };
    let request = Request::parse(operation, &client, &params);
    let content = match &request {
        Ok(request) => request.content(operation),
        Err(_) => Content::of_unacceptable(operation, &params),
    };
    Ok(Job { job_id, key, content, client, operation, accepted_at, request })
}

/// Reasons are logged: a value that came instead of another is not quoted, for it may be a code.
fn fault(error: &serde_json::Error) -> String {
    match error.classify() {
        Category::Data => {
            format!("a value of another type at line {} column {}", error.line(), error.column())
        }
        Category::Io | Category::Syntax | Category::Eof => error.to_string(),
    }
}

impl Read<'_> {
    fn known(&self) -> Option<Known> {
        let job_id = self.job_id.clone()?;
        Some(Known {
            key: JobId::parse(&job_id)?.key(),
            client: ClientId::parse(self.client_id.as_deref()?).ok()?,
            operation: self.operation.as_deref().and_then(Operation::parse),
            job_id,
        })
    }

    fn nameless(&self) -> Undecodable {
        let reason = match (&self.job_id, &self.client_id) {
            (None, _) => "field job_id is missing".to_owned(),
            (Some(id), _) if JobId::parse(id).is_none() => {
                "field job_id is neither a UUID nor an id given by the ingress".to_owned()
            }
            (_, None) => "field client_id is missing".to_owned(),
            (_, Some(_)) => "field client_id is not [a-z0-9-]{1,64}".to_owned(),
        };
        Undecodable { reason, known: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0190d5a2-7c7a-7cc0-8000-000000000001";

    fn message(change: impl FnOnce(&mut Value)) -> Vec<u8> {
        let mut message = serde_json::json!({
            "v": 1, "job_id": ID, "client_id": "acme", "operation": "goods",
            "accepted_at": "2026-01-02T03:04:05.123456789Z",
            "params": {"goods_id": "g", "player_id": "p", "amount": 1},
        });
        change(&mut message);
        message.to_string().into_bytes()
    }

    #[test]
    fn what_the_ingress_writes_the_worker_reads() {
        let job = decode(&message(|_| ())).expect("a job");
        let request = job.request.clone().expect("acceptable");
        let again = encode(&job.job_id, &job.client, job.operation, job.accepted_at, &request);
        assert_eq!(decode(&again), Ok(job));
    }

    #[test]
    fn a_byte_order_mark_before_a_message_is_skipped() {
        let marked = [b"\xef\xbb\xbf", message(|_| ()).as_slice()].concat();
        assert_eq!(decode(&marked), decode(&message(|_| ())));
        assert!(decode(&[b"\xef\xbb\xbf", marked.as_slice()].concat()).is_err(), "one is enough");
    }

    #[test]
    fn unacceptable_parameters_still_make_a_job() {
        for (name, value) in [("amount", Value::from(-5)), ("player_id", Value::Null)] {
            let job = decode(&message(|m| m["params"][name] = value)).expect("a job");
            assert!(job.request.is_err());
        }
    }

    #[test]
    fn what_is_no_job_says_why() {
        let broken = |field: &str, value: Value| message(|m| m[field] = value);
        let cases: Vec<(Vec<u8>, &str, bool)> = vec![
            (vec![0xff, 0xfe], "not a request in JSON", false),
            (b"{}".to_vec(), "field v is missing", false),
            (br#"{"v":99}"#.to_vec(), "unknown version 99", false),
            ("[".repeat(5_000).into_bytes(), "not a request in JSON", false),
            (broken("v", 99.into()), "unknown version 99", true),
            (broken("job_id", "no uuid".into()), "field job_id", false),
            (broken("client_id", "A B".into()), "field client_id", false),
            (broken("operation", "refund".into()), "field operation", true),
            (broken("accepted_at", "yesterday".into()), "field accepted_at", true),
            (broken("accepted_at", "9999-12-31T23:59:59-01:00".into()), "field accepted_at", true),
            (broken("accepted_at", "0000-01-01T00:00:00+01:00".into()), "field accepted_at", true),
            (broken("params", 7.into()), "field params", true),
            (broken("params", r#"{"coupon_code":"TICKET"}"#.into()), "field params", true),
            (broken("v", "TICKET".into()), "field v is no number", true),
        ];
        for (body, reason, is_known) in cases {
            let error = decode(&body).expect_err(reason);
            assert!(error.reason.contains(reason), "{} has no {reason}", error.reason);
            assert!(!error.reason.contains("TICKET"), "{} quotes what came", error.reason);
            assert_eq!(error.known.is_some(), is_known, "{reason}");
        }
    }
}
