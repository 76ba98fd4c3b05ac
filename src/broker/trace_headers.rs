//! The headers by which a message continues a trace.

use crate::broker::consume::received::Received;
use crate::broker::short_string::short_string;
use crate::traces::{SpanContext, TRACEPARENT, TRACESTATE};
use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable};

/// Longest of these headers that are copied as they came, in bytes. Headers that fill a frame when they
/// come need not fit into one together with ours, and the broker ends the connection over that.
const COPIED_MAX: [(&str, usize); 2] = [(TRACEPARENT, 255), (TRACESTATE, 512)];

/// The span that a message continues, if it names one.
pub(crate) fn read(properties: &BasicProperties) -> Option<SpanContext> {
    let headers = properties.headers().as_ref()?;
    let text = |name| match headers.inner().get(name) {
        Some(AMQPValue::LongString(text)) => std::str::from_utf8(text.as_bytes()).ok(),
        _ => None,
    };
    SpanContext::read(text(TRACEPARENT)?, text(TRACESTATE))
}

pub(in crate::broker) fn write(properties: &mut BasicProperties, span: &SpanContext) {
    let mut headers = properties.headers().clone().unwrap_or_default();
    headers.insert(short_string(TRACEPARENT), AMQPValue::LongString(span.traceparent().into()));
    if let Some(state) = span.tracestate() {
        headers.insert(short_string(TRACESTATE), AMQPValue::LongString(state.into()));
    }
    *properties = std::mem::take(properties).with_headers(headers);
}

/// Adds those of the request to the headers of a message that answers it. Where there is a span of ours,
/// [`write()`] replaces them.
pub(in crate::broker) fn passed_on(received: &Received, mut headers: FieldTable) -> FieldTable {
    let Some(theirs) = received.properties.headers() else { return headers };
    for (name, bytes_max) in COPIED_MAX {
        if let Some(AMQPValue::LongString(text)) = theirs.inner().get(name)
            && text.as_bytes().len() <= bytes_max
        {
            headers.insert(short_string(name), AMQPValue::LongString(text.clone()));
        }
    }
    headers
}
