//! Spans of messages, by the conventions for messaging with RabbitMQ.

use super::context::SpanContext;
use super::span::{Span, attr};
use super::tracer::Traces;
use opentelemetry::KeyValue;
use opentelemetry::trace::SpanKind;

/// A message, as much as spans tell of it.
#[derive(Debug, Clone, Copy)]
pub struct Message<'a> {
    /// The exchange that it is published to.
    pub exchange: &'static str,
    pub routing_key: &'a str,
    pub message_id: &'a str,
    /// What correlates it with its request or its result.
    pub correlation_id: &'a str,
    pub bytes: usize,
}

impl Message<'_> {
    pub(super) fn attributes(&self, operation: &'static str, kind: &'static str) -> Vec<KeyValue> {
        let mut attributes = destination(self.exchange, operation, kind);
        attributes.extend([
            attr("messaging.rabbitmq.destination.routing_key", self.routing_key.to_owned()),
            attr("messaging.message.id", self.message_id.to_owned()),
            attr("messaging.message.conversation_id", self.correlation_id.to_owned()),
            attr("messaging.message.body.size", self.bytes as i64),
        ]);
        attributes
    }
}

/// Attributes of all spans about messages; the operation's name is ours, its kind the convention's.
pub(super) fn destination(
    exchange: &'static str,
    operation: &'static str,
    kind: &'static str,
) -> Vec<KeyValue> {
    vec![
        attr("messaging.system", "rabbitmq"),
        attr("messaging.destination.name", exchange),
        attr("messaging.operation.name", operation),
        attr("messaging.operation.type", kind),
    ]
}

impl Traces {
    /// A message on its way to the broker, until that has confirmed it.
    pub fn sending(&self, message: Message<'_>, parent: Option<&SpanContext>) -> Sending {
        if !self.are_on() {
            return Sending::default();
        }
        let name = format!("send {}", message.exchange);
        let mut span = self.span(name.into(), SpanKind::Producer, parent);
        span.set_attributes(|| message.attributes("send", "send"));
        Sending { span, is_recorded: false }
    }
}

/// The span of a message on its way. Without a recorded outcome it fails as unknown.
#[derive(Debug, Default)]
pub struct Sending {
    span: Span,
    is_recorded: bool,
}

impl Sending {
    /// Where the reader of the message continues the trace.
    pub fn context(&self) -> Option<SpanContext> {
        self.span.context()
    }

    pub fn is_kept(&self) -> bool {
        self.span.is_kept()
    }

    /// Records a fault, or none. The first outcome holds.
    pub fn record_outcome(&mut self, fault: Option<&'static str>) {
        if !std::mem::replace(&mut self.is_recorded, true)
            && let Some(fault) = fault
        {
            self.span.fail(fault);
        }
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        self.record_outcome(Some("unknown"));
    }
}
