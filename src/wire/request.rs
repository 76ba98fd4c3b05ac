//! Request messages: written by the ingress and by trusted publishers, read by the worker.

mod undecodable;

pub use undecodable::{Known, Undecodable};

use super::{VERSION, instant, json, rfc3339, schema, without_bom};
use crate::domain::content::Content;
use crate::domain::id::ClientId;
use crate::domain::job::{Job, JobId};
use crate::domain::operation::Operation;
use crate::domain::outcome::Refusal;
use crate::domain::params::Params;
use crate::domain::request::Request;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Number, Value};
use time::OffsetDateTime;

/// A request as the ingress writes it, and as trusted publishers shall.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Request")]
pub struct Written<'a> {
    #[schemars(schema_with = "schema::version")]
    v: u64,
    /// The ingress's own, or a UUID of the publisher's choice: the same one is the same job. A UUID may have
    /// any of its usual forms; results and status have it in lower case and with hyphens.
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

/// The same as it is read, strictly: each field once, and of its own type.
#[derive(Deserialize)]
struct Read<P> {
    v: Option<Number>,
    job_id: Option<String>,
    client_id: Option<String>,
    operation: Option<String>,
    accepted_at: Option<String>,
    params: Option<P>,
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

/// Reads a message body. Whatever is wrong within `params` makes a job that will be refused; anything else
/// that is wrong makes no job at all.
///
/// # Errors
/// [`Undecodable`] says what is wrong and, where it can be read, whose job it is.
pub fn decode(body: &[u8]) -> Result<Job, Undecodable> {
    let body = without_bom(body);
    let job = match serde_json::from_slice::<Read<Params>>(body) {
        Ok(read) => read.job(Ok),
        Err(_) => with_other_params(body),
    };
    job.map_err(|reason| Undecodable { reason, known: Known::find(body) })
}

/// Parameters of another type are refused by a decision, if nothing else is wrong.
fn with_other_params(body: &[u8]) -> Result<Job, String> {
    let read: Read<&RawValue> =
        serde_json::from_slice(body).map_err(|error| undecodable::explain(body, &error))?;
    read.job(|params| serde_json::from_str(params.get()))
}

/// Whose job a message is about, whatever else it is.
pub fn known(body: &[u8]) -> Option<Known> {
    Known::find(without_bom(body))
}

impl<P> Read<P> {
    fn job(self, params: impl FnOnce(P) -> serde_json::Result<Params>) -> Result<Job, String> {
        let v = self.v.ok_or("field v is missing")?;
        // To JSON 1.0 is the number 1, and there are languages that write it so.
        if v.as_f64() != Some(VERSION as f64) {
            return Err(format!("field v: unknown version {v}, this worker reads {VERSION}"));
        }
        let id = self.job_id.ok_or("field job_id is missing")?;
        let id = JobId::parse(&id)
            .ok_or("field job_id is neither a UUID nor an id given by the ingress")?;
        let client = self.client_id.ok_or("field client_id is missing")?;
        let client = ClientId::parse(&client)
            .map_err(|_| "field client_id is not [a-z0-9-]{1,64}".to_owned())?;
        let operation = self.operation.ok_or("field operation is missing")?;
        let operation = Operation::parse(&operation).ok_or("field operation names no operation")?;
        let accepted_at = self.accepted_at.ok_or("field accepted_at is missing")?;
        let accepted_at = instant(&accepted_at)
            .ok_or("field accepted_at is no RFC 3339 time of the years 1970 to 9999")?;
        let (request, content) = asked(operation, &client, self.params.map(params));
        let (job_id, key) = (id.to_string(), id.key());
        Ok(Job { job_id, key, content, client, operation, accepted_at, request })
    }
}

/// What the parameters ask for, or why that can't be read.
fn asked(
    operation: Operation,
    client: &ClientId,
    params: Option<serde_json::Result<Params>>,
) -> (Result<Request, Refusal>, Content) {
    let Ok(params) = params.unwrap_or(Ok(Params::default())) else {
        let refusal = Refusal::Unacceptable(vec!["params"]);
        return (Err(refusal), Content::of_unreadable(operation));
    };
    let request = Request::parse(operation, client, &params);
    let content = match &request {
        Ok(request) => request.content(operation),
        Err(_) => Content::of_unacceptable(operation, &params),
    };
    (request, content)
}

#[cfg(test)]
mod tests;
