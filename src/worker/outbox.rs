//! What a delivery leaves behind: the messages that must be confirmed before it is acknowledged.

use super::batch::{Asks, Item};
use super::process::Answer;
use crate::broker::consumer::Received;
use crate::broker::publisher::Outgoing;
use crate::broker::topology::{DEAD, DIRECT_REPLY_PREFIX, REPLY_PREFIX, RESULTS};
use crate::broker::{AMQPValue, BasicProperties, FieldTable, ShortString, own, short};
use crate::domain::job::Job;
use crate::wire::answer;
use std::sync::Arc;

/// The messages of one delivery.
#[derive(Debug)]
pub struct Parcel {
    /// The delivery.
    pub tag: u64,
    /// The result or the dead letter.
    pub main: Outgoing,
    /// Whether `main` is a dead letter, which must arrive, however long it takes.
    pub is_dead: bool,
    /// The copy for the caller's own queue: one try.
    pub reply: Option<Outgoing>,
}

/// A decision on its way out.
pub fn result(received: &Received, job: &Job, answer: &Answer) -> Parcel {
    let body: Arc<[u8]> = answer.body.as_bytes().into();
    let mut headers = FieldTable::default();
    if answer.is_replayed {
        headers.insert(own("x-replayed"), AMQPValue::Boolean(true));
    }
    let properties = properties(received, &job.job_id)
        .with_type(own(job.operation.as_str()))
        .with_headers(traced(received, headers));
    let routing_key = format!("{}.{}", job.client, job.operation.as_str());
    Parcel {
        tag: received.tag,
        main: Outgoing {
            exchange: RESULTS,
            routing_key: own(&routing_key),
            mandatory: false,
            properties: properties.clone(),
            body: Arc::clone(&body),
        },
        is_dead: false,
        reply: reply(received, properties, body),
    }
}

/// A dead letter, as it came, with the reason in its headers, and a notice for whoever waits.
pub fn dead(item: &Item, reason: &str) -> Parcel {
    let received = &item.received;
    let known = match &item.asks {
        Asks::Job(job) | Asks::Overdue(job) => {
            Some((job.job_id.as_str(), job.client.as_str(), Some(job.operation)))
        }
        Asks::Nothing(undecodable) => undecodable
            .known
            .as_ref()
            .map(|known| (known.job_id.as_str(), known.client.as_str(), known.operation)),
    };
    let mut headers = received.properties.headers().clone().unwrap_or_default();
    headers.insert(own("x-redeemq-reason"), AMQPValue::LongString(reason.into()));
    headers.insert(own("x-redeemq-dead-at"), text(&crate::wire::rfc3339(crate::wire::now())));
    headers.insert(own("x-redeemq-attempts"), AMQPValue::LongLongInt(received.attempts + 1));
    let message_id = received.properties.message_id().clone().unwrap_or_else(fresh_id);
    let notice = known.and_then(|(job_id, client, operation)| {
        let operation = operation.map(|operation| operation.as_str());
        let notice = answer::dead_notice(job_id, client, operation, reason);
        reply(received, properties(received, job_id), notice.into_bytes().into())
    });
    Parcel {
        tag: received.tag,
        main: Outgoing {
            exchange: DEAD,
            routing_key: own("dead"),
            mandatory: true,
            properties: received
                .properties
                .clone()
                .with_headers(headers)
                .with_message_id(message_id)
                .with_delivery_mode(2),
            body: received.body.as_slice().into(),
        },
        is_dead: true,
        reply: notice,
    }
}

fn text(value: &str) -> AMQPValue {
    AMQPValue::LongString(value.into())
}

fn fresh_id() -> ShortString {
    own(&uuid::Uuid::now_v7().to_string())
}

/// Every request message gets its result with its own correlation id.
fn properties(received: &Received, job_id: &str) -> BasicProperties {
    let job_id = short(job_id).unwrap_or_default();
    let correlation_id =
        received.properties.correlation_id().clone().unwrap_or_else(|| job_id.clone());
    BasicProperties::default()
        .with_message_id(job_id)
        .with_correlation_id(correlation_id)
        .with_content_type(own("application/json"))
        .with_delivery_mode(2)
}

fn traced(received: &Received, mut headers: FieldTable) -> FieldTable {
    let theirs = received.properties.headers().as_ref();
    if let Some(trace) = theirs.and_then(|headers| headers.inner().get("traceparent")) {
        headers.insert(own("traceparent"), trace.clone());
    }
    headers
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
