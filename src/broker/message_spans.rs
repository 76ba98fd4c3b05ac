//! The spans of messages: those that are published, and the request that a job's span tells of.

use crate::broker::consume::received::Received;
use crate::broker::publish::message::{OutboundMessages, Outgoing};
use crate::broker::topology::{DEAD, REQUESTS};
use crate::broker::trace_headers;
use crate::domain::job::Job;
use crate::traces::messages::{Message, Sending};
use crate::traces::{SpanContext, Traces};
use lapin::types::ShortString;

/// A request, as its job's span describes it.
pub(crate) fn request<'a>(received: &'a Received, job: &'a Job) -> Message<'a> {
    let correlation_id = received.properties.correlation_id().as_ref();
    Message {
        exchange: REQUESTS,
        routing_key: job.operation.as_str(),
        message_id: &job.job_id,
        correlation_id: correlation_id.map_or(&job.job_id, ShortString::as_str),
        bytes: received.body.len(),
    }
}

fn outgoing(message: &Outgoing) -> Message<'_> {
    let Outgoing { exchange, routing_key, properties, body, .. } = message;
    let exchange = match routing_key.as_str() {
        DEAD if exchange.is_empty() => DEAD,
        _ => exchange,
    };
    Message {
        exchange,
        routing_key: routing_key.as_str(),
        message_id: properties.message_id().as_ref().map_or("", ShortString::as_str),
        correlation_id: properties.correlation_id().as_ref().map_or("", ShortString::as_str),
        bytes: body.len(),
    }
}

/// Begins the span of a message on its way; its reader continues the trace there.
pub(crate) fn send(
    traces: &Traces,
    message: &mut Outgoing,
    parent: Option<&SpanContext>,
) -> Sending {
    let sending = traces.sending(outgoing(message), parent);
    write_headers(&sending, std::slice::from_mut(message));
    sending
}

/// Begins the one span of a result and its copies.
pub(crate) fn send_all(
    traces: &Traces,
    messages: &mut OutboundMessages,
    parent: Option<&SpanContext>,
) -> Sending {
    let sending = send(traces, &mut messages.main, parent);
    write_headers(&sending, &mut messages.copies);
    sending
}

/// Begins the span of a dead letter, with its fault. Notices continue the trace; the dead letter itself
/// keeps the headers that it came with.
pub(crate) fn dead_letter(
    traces: &Traces,
    received: &Received,
    messages: &mut OutboundMessages,
    why: &'static str,
) -> Sending {
    let from = traces.are_on().then(|| trace_headers::read(&received.properties)).flatten();
    let mut sending = traces.sending(outgoing(&messages.main), from.as_ref());
    sending.record_outcome(Some(why));
    if sending.is_kept() {
        write_headers(&sending, &mut messages.copies);
    }
    sending
}

fn write_headers(sending: &Sending, messages: &mut [Outgoing]) {
    if let Some(span) = sending.context() {
        messages
            .iter_mut()
            .for_each(|message| trace_headers::write(&mut message.properties, &span));
    }
}
