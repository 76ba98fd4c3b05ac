//! The five operations: a request becomes a message, and 202 once the broker has confirmed it.

use super::answers::{Refused, applied, decision, success};
use super::gate::Passed;
use super::jobs::{self, Asked};
use super::replies::Ticket;
use super::{Front, body, headers};
use crate::broker::message::Outgoing;
use crate::broker::topology::REQUESTS;
use crate::broker::{BasicProperties, lanes, own, short, traced};
use crate::domain::code::Code;
use crate::domain::id::ClientId;
use crate::domain::job::key_for;
use crate::domain::operation::Operation;
use crate::domain::params::{Given, Params};
use crate::domain::request::Request;
use crate::secrets::Secrets;
use crate::traces::Place;
use crate::wire::{self, reply};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use uuid::Uuid;

/// Accepts one request.
///
/// # Errors
/// What can be refused without the books: form, token, and a broker that does not take it.
pub async fn accept(
    operation: Operation,
    State(front): State<Arc<Front>>,
    request: axum::extract::Request,
) -> Result<Response, Refused> {
    let (parts, body) = request.into_parts();
    let mut params = body::read(&parts, body).await?;
    let token = body::token(&parts, &params)?;
    let client = front.tokens.judge(token.as_deref());
    if let Ok(client) = &client {
        front.limits.of_client(client)?;
    }
    seal_pin(&mut params, &front.secrets);
    let request = parse(operation, client.as_ref().ok(), &params)?;
    let client = client?;

    let key = headers::visible(&parts.headers, "Idempotency-Key")?;
    let key = key.map_or_else(Uuid::now_v7, |key| key_for(&client, key));
    let asked =
        Asked { id: front.secrets.job_id(&client, key, request.content(operation)), client };
    let waiting = front.may_wait(&parts.headers);
    let wait = waiting.as_ref().map(|(wait, _place)| *wait);
    let correlation_id = correlation(&parts.headers)?;
    let message = Message { operation, request, correlation_id, from: parts.extensions.get() };
    publish(&front, &asked, message, wait).await
}

/// Parameters are judged before the token, as the order of checks has it.
fn parse(
    operation: Operation,
    client: Option<&ClientId>,
    params: &Params,
) -> Result<Request, Refused> {
    let nobody = ClientId::trusted(String::new());
    Ok(Request::parse(operation, client.unwrap_or(&nobody), params)?)
}

/// From here on the PIN exists only as keyed hashes. Hashes that a caller sends count for nothing.
fn seal_pin(params: &mut Params, secrets: &Secrets) {
    let hashes = match params.id("pin_code") {
        Given::Good(pin) => Some(json!(secrets.pin_hashes(pin.as_str()))),
        Given::Missing | Given::Unacceptable => None,
    };
    if hashes.is_some() {
        params.set("pin_code", None);
    }
    params.set("pin_hashes", hashes);
}

fn correlation(headers: &HeaderMap) -> Result<Option<String>, Refused> {
    Ok(headers::visible(headers, "X-Correlation-Id")?.map(str::to_owned))
}

struct Message<'a> {
    operation: Operation,
    request: Request,
    correlation_id: Option<String>,
    /// Where its trace comes from, while there are any.
    from: Option<&'a Place>,
}

impl Message<'_> {
    fn outgoing(&self, asked: &Asked, reply_to: Option<&str>) -> Outgoing {
        let job_id = asked.id.to_string();
        let client = &asked.client;
        let body =
            wire::request::encode(&job_id, client, self.operation, wire::now(), &self.request);
        let correlation_id = self.correlation_id.as_deref().unwrap_or(&job_id);
        let mut properties = BasicProperties::default()
            .with_message_id(own(&job_id))
            .with_correlation_id(own(correlation_id))
            .with_type(own(self.operation.as_str()))
            .with_content_type(own("application/json"))
            .with_headers(lanes::contending_for(&self.request.contends_for(client)))
            .with_delivery_mode(2);
        if let Some(reply_to) = reply_to.and_then(short) {
            properties = properties.with_reply_to(reply_to);
        }
        Outgoing {
            exchange: REQUESTS,
            routing_key: own(self.operation.as_str()),
            mandatory: true,
            properties,
            body: body.into(),
        }
    }
}

async fn publish(
    front: &Front,
    asked: &Asked,
    message: Message<'_>,
    wait: Option<Duration>,
) -> Result<Response, Refused> {
    let deadline = wait.map(|wait| Instant::now() + wait);
    let job_id = asked.id.to_string();
    let ticket = wait.and_then(|_| front.replies.wait_for(&job_id));
    let reply_to = ticket.as_ref().map(|ticket| ticket.reply_to.as_str());
    let operation = message.operation.as_str();
    let mut outgoing = message.outgoing(asked, reply_to);
    let mut sending = traced::send(&front.traces, &mut outgoing, message.from);
    let passed = front.gate.pass(outgoing).await;
    sending.tell(passed.fault());
    match passed {
        Passed::Confirmed => {
            metrics::counter!("redeemq_accepted_total", "operation" => operation).increment(1);
        }
        Passed::Refused(reason) => return Err(Refused::of(Code::Unavailable).because(reason)),
        Passed::Unknown => return Err(Refused::unknown()),
    }
    let (Some(wait), Some(deadline)) = (wait, deadline) else { return Ok(queued(&job_id)) };
    let answered = tokio::select! {
        answered = wait_for_result(front, asked, ticket, deadline) => answered,
        // Rather the id now than a connection that breaks off.
        () = front.stop.cancelled() => None,
    };
    Ok(answered.map_or_else(|| queued(&job_id), |answer| applied(answer, wait.as_secs())))
}

/// The decision, if it comes in time; by the ledger where the reply queue is lost.
async fn wait_for_result(
    front: &Front,
    asked: &Asked,
    ticket: Option<Ticket>,
    deadline: Instant,
) -> Option<Response> {
    if let Some(mut ticket) = ticket
        && let Some(body) = tokio::time::timeout_at(deadline, ticket.result()).await.ok()?
    {
        return decision(&body);
    }
    jobs::decision_by(front, asked, deadline).await
}

fn queued(job_id: &str) -> Response {
    let response = reply::Queued { job_id, status: "queued" };
    let mut response = success(202, &response);
    if let Ok(location) = HeaderValue::from_str(&format!("/Redeem/jobs/{job_id}")) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}
