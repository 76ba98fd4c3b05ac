//! Messages in traces: their headers say where they stand in one.

use crate::broker::consume::received::Received;
use crate::broker::publish::message::{OutboundMessages, Outgoing};
use crate::broker::short_string::own;
use crate::broker::topology::REQUESTS;
use crate::domain::job::Job;
use crate::traces::messages::{Message, Sending};
use crate::traces::{Place, TRACEPARENT, TRACESTATE, Traces};
use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable, ShortString};

/// Longest of these headers that are passed on as they came. What comes in one frame with little else
/// need not fit into one with ours, and the broker ends the connection over that.
const PASSED_ON: [(&str, usize); 2] = [(TRACEPARENT, 255), (TRACESTATE, 512)];

/// Where a message stands in a trace, if it says so.
pub fn place(properties: &BasicProperties) -> Option<Place> {
    let headers = properties.headers().as_ref()?;
    let text = |name| match headers.inner().get(name) {
        Some(AMQPValue::LongString(text)) => std::str::from_utf8(text.as_bytes()).ok(),
        _ => None,
    };
    Place::read(text(TRACEPARENT)?, text(TRACESTATE))
}

/// A request as spans tell of it.
pub fn request<'a>(received: &'a Received, job: &'a Job) -> Message<'a> {
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
    Message {
        exchange,
        routing_key: routing_key.as_str(),
        message_id: properties.message_id().as_ref().map_or("", ShortString::as_str),
        correlation_id: properties.correlation_id().as_ref().map_or("", ShortString::as_str),
        bytes: body.len(),
    }
}

/// Begins the span of a message on its way; whoever reads it continues the trace there.
pub fn send(traces: &Traces, message: &mut Outgoing, parent: Option<&Place>) -> Sending {
    let sending = traces.sending(outgoing(message), parent);
    pass_on(&sending, std::slice::from_mut(message));
    sending
}

/// The same for a letter, copies included.
pub fn send_all(traces: &Traces, letter: &mut OutboundMessages, parent: Option<&Place>) -> Sending {
    let sending = send(traces, &mut letter.main, parent);
    pass_on(&sending, &mut letter.copies);
    sending
}

/// The span of a dead letter, whose fault it tells. The letter stays as it came; notices continue the trace.
pub fn dead_letter(
    traces: &Traces,
    received: &Received,
    letter: &mut OutboundMessages,
    why: &'static str,
) -> Sending {
    let from = traces.are_on().then(|| place(&received.properties)).flatten();
    let mut sending = traces.sending(outgoing(&letter.main), from.as_ref());
    sending.tell(Some(why));
    if sending.is_kept() {
        pass_on(&sending, &mut letter.copies);
    }
    sending
}

fn pass_on(sending: &Sending, messages: &mut [Outgoing]) {
    if let Some(place) = sending.place() {
        messages.iter_mut().for_each(|message| put(&mut message.properties, &place));
    }
}

fn put(properties: &mut BasicProperties, place: &Place) {
    let mut headers = properties.headers().clone().unwrap_or_default();
    headers.insert(own(TRACEPARENT), AMQPValue::LongString(place.traceparent().into()));
    if let Some(state) = place.tracestate() {
        headers.insert(own(TRACESTATE), AMQPValue::LongString(state.into()));
    }
    *properties = std::mem::take(properties).with_headers(headers);
}

/// Headers that are passed on with what a message leaves behind, where there is no span that says better.
pub(in crate::broker) fn passed_on(received: &Received, mut headers: FieldTable) -> FieldTable {
    let Some(theirs) = received.properties.headers() else { return headers };
    for (name, bytes_max) in PASSED_ON {
        if let Some(AMQPValue::LongString(text)) = theirs.inner().get(name)
            && text.as_bytes().len() <= bytes_max
        {
            headers.insert(own(name), AMQPValue::LongString(text.clone()));
        }
    }
    headers
}
