//! What a delivery leaves behind: a result or a dead letter, and a copy for callers who asked for one.

use crate::broker::consume::received::Received;
use crate::broker::headers::{ATTEMPTS, DEAD_AT, REASON, REPLAYED};
use crate::broker::publish::message::{OutboundMessages, Outgoing};
use crate::broker::short_string::{short_string, try_short_string};
use crate::broker::topology::{DEAD, DIRECT_REPLY_PREFIX, REPLY_PREFIX, RESULTS};
use crate::broker::trace_headers::passed_on;
use crate::domain::job::Job;
use crate::wire::answer;
use crate::wire::request::Known;
use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable};
use std::sync::Arc;

/// Longest reason; it may quote what came.
const REASON_MAX_BYTES: usize = 500;
/// Headers kept of a dead message, by the length of their text: half of a frame of 128 KiB.
const HEADERS_MAX: usize = 64 * 1024;

/// A decision on its way out.
pub fn result(received: &Received, job: &Job, body: &str, is_replayed: bool) -> OutboundMessages {
    let body: Arc<[u8]> = body.as_bytes().into();
    let mut headers = FieldTable::default();
    if is_replayed {
        headers.insert(short_string(REPLAYED), AMQPValue::Boolean(true));
    }
    let properties = properties(received, &job.job_id)
        .with_type(short_string(job.operation.as_str()))
        .with_headers(passed_on(received, headers));
    let routing_key = format!("{}.{}", job.client, job.operation.as_str());
    let main = to_results(&routing_key, properties.clone(), Arc::clone(&body));
    OutboundMessages { main, copies: reply(received, properties, body).into_iter().collect() }
}

/// A dead letter: the message as it came, with the reason in its headers; and a notice for anyone who
/// waits, where it can be read who that is.
pub fn dead(received: &Received, known: Option<&Known>, reason: &str) -> OutboundMessages {
    let reason = truncated(reason);
    let mut headers = original_headers(received);
    headers.insert(short_string(REASON), text(reason));
    // Of what the broker dead-lettered, the deliveries since say nothing.
    let (dead_at, attempts) = match received.dead_by_broker() {
        Some(death) => (death.at, 0),
        None => (None, received.delivery_count.saturating_add(1)),
    };
    let dead_at = crate::wire::rfc3339(dead_at.unwrap_or_else(crate::wire::now));
    headers.insert(short_string(DEAD_AT), text(&dead_at));
    headers.insert(short_string(ATTEMPTS), AMQPValue::LongLongInt(attempts));
    let main = to_dead(received, headers);
    let notice = known.map(|known| notice(received, known, reason));
    let notices = notice.map(|notice| std::iter::once(notice.main).chain(notice.copies).collect());
    OutboundMessages { main, copies: notices.unwrap_or_default() }
}

/// A message that is a dead letter already, as it came.
pub fn as_it_came(received: &Received) -> Outgoing {
    to_dead(received, original_headers(received))
}

/// To the queue itself, so that it comes back where that is missing.
fn to_dead(received: &Received, headers: FieldTable) -> Outgoing {
    Outgoing {
        exchange: "",
        routing_key: short_string(DEAD),
        mandatory: true,
        properties: original_properties(received).with_headers(headers),
        body: received.body.as_slice().into(),
    }
}

/// The notice of a dead letter, wherever the result would have gone.
fn notice(received: &Received, known: &Known, reason: &str) -> OutboundMessages {
    let operation = known.operation.map(|operation| operation.as_str());
    let client = known.client.as_str();
    let notice = answer::dead_notice(&known.job_id, client, operation, reason);
    let body: Arc<[u8]> = notice.into_bytes().into();
    let headers = passed_on(received, FieldTable::default());
    let properties = properties(received, &known.job_id).with_headers(headers);
    let routing_key = format!("{client}.{}", operation.unwrap_or("unknown"));
    let main = to_results(&routing_key, properties.clone(), Arc::clone(&body));
    OutboundMessages { main, copies: reply(received, properties, body).into_iter().collect() }
}

fn to_results(routing_key: &str, properties: BasicProperties, body: Arc<[u8]>) -> Outgoing {
    let routing_key = short_string(routing_key);
    Outgoing { exchange: RESULTS, routing_key, mandatory: true, properties, body }
}

fn text(value: &str) -> AMQPValue {
    AMQPValue::LongString(value.into())
}

/// Not all that came may be sent again: a foreign user id would be refused, and an expiration would
/// let a dead letter vanish.
fn original_properties(received: &Received) -> BasicProperties {
    let original = &received.properties;
    let fresh_id = || short_string(&uuid::Uuid::now_v7().to_string());
    let message_id = original.message_id().clone().unwrap_or_else(fresh_id);
    let mut properties =
        BasicProperties::default().with_message_id(message_id).with_delivery_mode(2);
    if let Some(id) = original.correlation_id() {
        properties = properties.with_correlation_id(id.clone());
    }
    if let Some(queue) = original.reply_to() {
        properties = properties.with_reply_to(queue.clone());
    }
    if let Some(kind) = original.kind() {
        properties = properties.with_type(kind.clone());
    }
    if let Some(media) = original.content_type() {
        properties = properties.with_content_type(media.clone());
    }
    properties
}

/// Headers travel in one frame, which the broker bounds: those that would leave no room for ours
/// are left behind.
fn original_headers(received: &Received) -> FieldTable {
    let headers = received.properties.headers().clone().unwrap_or_default();
    if format!("{headers:?}").len() <= HEADERS_MAX { headers } else { FieldTable::default() }
}

fn truncated(reason: &str) -> &str {
    &reason[..reason.floor_char_boundary(REASON_MAX_BYTES)]
}

/// Every request message gets its result with its own correlation id.
fn properties(received: &Received, job_id: &str) -> BasicProperties {
    let job_id = try_short_string(job_id).unwrap_or_default();
    let correlation_id =
        received.properties.correlation_id().clone().unwrap_or_else(|| job_id.clone());
    BasicProperties::default()
        .with_message_id(job_id)
        .with_correlation_id(correlation_id)
        .with_content_type(short_string("application/json"))
        .with_delivery_mode(2)
}

/// Only to queues that are meant for it: a caller can't have us write anywhere else.
fn reply(received: &Received, properties: BasicProperties, body: Arc<[u8]>) -> Option<Outgoing> {
    let to = received.properties.reply_to().as_ref()?;
    if !to.as_str().starts_with(REPLY_PREFIX) && !to.as_str().starts_with(DIRECT_REPLY_PREFIX) {
        metrics::counter!("redeemq_replies_total", "outcome" => "ignored").increment(1);
        return None;
    }
    Some(Outgoing { exchange: "", routing_key: to.clone(), mandatory: true, properties, body })
}
