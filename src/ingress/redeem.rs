//! The five operations: a request becomes a message, and is answered once the broker has confirmed it.

use super::call::Call;
use super::headers;
use super::jobs::{self, JobRef};
use super::pending_replies::ReplyWaiter;
use super::publisher_task::Acceptance;
use super::request_message::RequestMessage;
use super::response::{Rejection, decision};
use super::state::AppState;
use super::wait::Wait;
use crate::broker::message_spans;
use crate::domain::answer_mode::AnswerMode;
use crate::domain::code::Code;
use crate::domain::id::ClientId;
use crate::domain::job::key_for;
use crate::domain::operation::Operation;
use crate::domain::params::{Given, Params};
use crate::domain::request::Request;
use crate::secrets::Secrets;
use crate::traces::SpanContext;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use serde_json::json;
use std::sync::Arc;
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
    let Call { parts, mut params, bearer, answers } = Call::read(&state, request).await?;
    let client = state.tokens.verify(&bearer, &state.store).await;
    if let Ok(client) = &client {
        state.limits.of_client(client)?;
    }
    if answers == AnswerMode::Sync && params.text("amount") == Given::Missing {
        params.set("amount", Some(json!(1)));
    }
    hash_pin(&mut params, &state.secrets);
    let request = parse(operation, client.as_ref().ok(), &params)?;
    let client = client?;

    let key = headers::visible(&parts.headers, "Idempotency-Key")?;
    let key = key.map_or_else(Uuid::now_v7, |key| key_for(&client, key));
    let job = JobRef { id: state.secrets.job_id(&client, key, request.content(operation)), client };
    let correlation_id = correlation(&parts.headers)?;
    let message = RequestMessage { operation, request, correlation_id };
    let wait = Wait::of(&state, &job.client, answers, &parts.headers);
    publish(&state, &job, message, parts.extensions.get(), wait).await
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
        Given::Missing | Given::Unacceptable | Given::Invisible(_) => None,
    };
    if hashes.is_some() {
        params.set("pin_code", None);
    }
    params.set("pin_hashes", hashes);
}

fn correlation(headers: &HeaderMap) -> Result<Option<String>, Rejection> {
    Ok(headers::visible(headers, "X-Correlation-Id")?.map(str::to_owned))
}

async fn publish(
    state: &AppState,
    job: &JobRef,
    message: RequestMessage,
    parent: Option<&SpanContext>,
    wait: Wait,
) -> Result<Response, Rejection> {
    let deadline = wait.limit.map(|limit| Instant::now() + limit);
    let job_id = job.id.to_string();
    let waiter = deadline.and_then(|_| state.replies.wait_for(&job_id));
    let reply_to = waiter.as_ref().map(|waiter| waiter.reply_to.as_str());
    let operation = message.operation.as_str();
    let mut outgoing = message.outgoing(job, reply_to);
    let mut sending = message_spans::send(&state.traces, &mut outgoing, parent);
    let acceptance = state.publisher.publish(outgoing).await;
    sending.record_outcome(fault(acceptance));
    match acceptance {
        Acceptance::Confirmed => {
            metrics::counter!("redeemq_accepted_total", "operation" => operation).increment(1);
        }
        Acceptance::Refused(reason) => {
            return Err(Rejection::new(Code::Unavailable).because(reason));
        }
        Acceptance::Unknown => return Err(Rejection::unconfirmed()),
    }
    let Some(deadline) = deadline else { return Ok(wait.answer(None, &job_id)) };
    let decision = tokio::select! {
        decision = wait_for_result(state, job, waiter, deadline) => decision,
        // The server stops: the id now, rather than a connection that breaks off.
        () = state.stop.cancelled() => None,
    };
    Ok(wait.answer(decision, &job_id))
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
