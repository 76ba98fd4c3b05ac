//! The five operations: a request becomes a message, and 202 once the broker has confirmed it.

use super::jobs::{self, JobRef};
use super::pending_replies::ReplyWaiter;
use super::publisher_task::Acceptance;
use super::response::{Rejection, applied, decision, success};
use super::state::AppState;
use super::{body, headers};
use crate::broker::publish::message::Outgoing;
use crate::broker::topology::REQUESTS;
use crate::broker::topology::lanes;
use crate::broker::{BasicProperties, own, short, trace_headers};
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
/// What can be refused without the ledger: form, token, and a broker that does not accept it.
pub(super) async fn accept(
    operation: Operation,
    State(state): State<Arc<AppState>>,
    request: axum::extract::Request,
) -> Result<Response, Rejection> {
    let (parts, body) = request.into_parts();
    let mut params = body::read(&parts, body).await?;
    let token = body::token(&parts, &params)?;
    let client = state.tokens.verify(token.as_deref());
    if let Ok(client) = &client {
        state.limits.of_client(client)?;
    }
    hash_pin(&mut params, &state.secrets);
    let request = parse(operation, client.as_ref().ok(), &params)?;
    let client = client?;

    let key = headers::visible(&parts.headers, "Idempotency-Key")?;
    let key = key.map_or_else(Uuid::now_v7, |key| key_for(&client, key));
    let job = JobRef { id: state.secrets.job_id(&client, key, request.content(operation)), client };
    let waiting = state.may_wait(&parts.headers);
    let wait = waiting.as_ref().map(|(wait, _place)| *wait);
    let correlation_id = correlation(&parts.headers)?;
    let message = Message { operation, request, correlation_id, parent: parts.extensions.get() };
    publish(&state, &job, message, wait).await
}

/// Parameters are judged before the token, as the order of checks has it.
fn parse(
    operation: Operation,
    client: Option<&ClientId>,
    params: &Params,
) -> Result<Request, Rejection> {
    let nobody = ClientId::trusted(String::new());
    Ok(Request::parse(operation, client.unwrap_or(&nobody), params)?)
}

/// Replaces the PIN by keyed hashes, the only form in which it travels. Hashes that a caller sends are dropped.
fn hash_pin(params: &mut Params, secrets: &Secrets) {
    let hashes = match params.id("pin_code") {
        Given::Good(pin) => Some(json!(secrets.pin_hashes(pin.as_str()))),
        Given::Missing | Given::Unacceptable => None,
    };
    if hashes.is_some() {
        params.set("pin_code", None);
    }
    params.set("pin_hashes", hashes);
}

fn correlation(headers: &HeaderMap) -> Result<Option<String>, Rejection> {
    Ok(headers::visible(headers, "X-Correlation-Id")?.map(str::to_owned))
}

struct Message<'a> {
    operation: Operation,
    request: Request,
    correlation_id: Option<String>,
    /// The span of the request, while tracing is on.
    parent: Option<&'a Place>,
}

impl Message<'_> {
    fn outgoing(&self, job: &JobRef, reply_to: Option<&str>) -> Outgoing {
        let job_id = job.id.to_string();
        let client = &job.client;
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
    state: &AppState,
    job: &JobRef,
    message: Message<'_>,
    wait: Option<Duration>,
) -> Result<Response, Rejection> {
    let deadline = wait.map(|wait| Instant::now() + wait);
    let job_id = job.id.to_string();
    let waiter = wait.and_then(|_| state.replies.wait_for(&job_id));
    let reply_to = waiter.as_ref().map(|waiter| waiter.reply_to.as_str());
    let operation = message.operation.as_str();
    let mut outgoing = message.outgoing(job, reply_to);
    let mut sending = trace_headers::send(&state.traces, &mut outgoing, message.parent);
    let acceptance = state.publisher.publish(outgoing).await;
    sending.tell(fault(acceptance));
    match acceptance {
        Acceptance::Confirmed => {
            metrics::counter!("redeemq_accepted_total", "operation" => operation).increment(1);
        }
        Acceptance::Refused(reason) => {
            return Err(Rejection::new(Code::Unavailable).because(reason));
        }
        Acceptance::Unknown => return Err(Rejection::unconfirmed()),
    }
    let (Some(wait), Some(deadline)) = (wait, deadline) else { return Ok(queued(&job_id)) };
    let answered = tokio::select! {
        answered = wait_for_result(state, job, waiter, deadline) => answered,
        // The server stops: the id now, rather than a connection that breaks off.
        () = state.stop.cancelled() => None,
    };
    Ok(answered.map_or_else(|| queued(&job_id), |answer| applied(answer, wait.as_secs())))
}

/// The decision, if it comes in time; from the ledger when the reply queue is lost.
async fn wait_for_result(
    state: &AppState,
    job: &JobRef,
    waiter: Option<ReplyWaiter>,
    deadline: Instant,
) -> Option<Response> {
    if let Some(mut waiter) = waiter
        && let Some(body) = tokio::time::timeout_at(deadline, waiter.result()).await.ok()?
    {
        return decision(&body);
    }
    jobs::decision_by(state, job, deadline).await
}

/// For the span: why the message is not known to be published.
fn fault(acceptance: Acceptance) -> Option<&'static str> {
    match acceptance {
        Acceptance::Confirmed => None,
        Acceptance::Refused(_) => Some("refused"),
        Acceptance::Unknown => Some("unknown"),
    }
}

fn queued(job_id: &str) -> Response {
    let response = reply::Queued { job_id, status: "queued" };
    let mut response = success(202, &response);
    if let Ok(location) = HeaderValue::from_str(&format!("/Redeem/jobs/{job_id}")) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}
