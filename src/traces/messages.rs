//! Spans of messages, by the conventions for messaging with RabbitMQ.

use super::context::Place;
use super::span::{Span, tells};
use super::tracer::Traces;
use opentelemetry::KeyValue;
use opentelemetry::trace::SpanKind;

/// A message, as much as spans tell of it.
#[derive(Debug, Clone, Copy)]
pub struct Message<'a> {
    /// The exchange that it is published to.
    pub exchange: &'static str,
    /// By this key.
    pub routing_key: &'a str,
    /// The job.
    pub message_id: &'a str,
    /// What correlates it with its request or its result.
    pub correlation_id: &'a str,
    /// Of its body.
    pub bytes: usize,
}

impl Message<'_> {
    pub(super) fn tells(&self, operation: &'static str, kind: &'static str) -> Vec<KeyValue> {
        let mut told = destination(self.exchange, operation, kind);
        told.extend([
            tells("messaging.rabbitmq.destination.routing_key", self.routing_key.to_owned()),
            tells("messaging.message.id", self.message_id.to_owned()),
            tells("messaging.message.conversation_id", self.correlation_id.to_owned()),
            tells("messaging.message.body.size", self.bytes as i64),
        ]);
        told
    }
}

/// What all spans about messages tell; the name of the operation is ours, its kind one of the convention's.
pub(super) fn destination(
    exchange: &'static str,
    operation: &'static str,
    kind: &'static str,
) -> Vec<KeyValue> {
    vec![
        tells("messaging.system", "rabbitmq"),
        tells("messaging.destination.name", exchange),
        tells("messaging.operation.name", operation),
        tells("messaging.operation.type", kind),
    ]
}

impl Traces {
    /// A message on its way to the broker, until that has confirmed it.
    pub fn sending(&self, message: Message<'_>, parent: Option<&Place>) -> Sending {
        if !self.are_on() {
            return Sending::default();
        }
        let name = format!("send {}", message.exchange);
        let mut span = self.span(name.into(), SpanKind::Producer, parent);
        span.tell(|| message.tells("send", "send"));
        Sending { span, is_told: false }
    }
}

/// The span of a message on its way. If nothing is heard of it, that is its fault.
#[derive(Debug, Default)]
pub struct Sending {
    span: Span,
    is_told: bool,
}

impl Sending {
    /// Where whoever reads the message continues the trace.
    pub fn place(&self) -> Option<Place> {
        self.span.place()
    }

    /// Whether it is kept.
    pub fn is_kept(&self) -> bool {
        self.span.is_kept()
    }

    /// What became of it: a fault, or none. The first word holds.
    pub fn tell(&mut self, fault: Option<&'static str>) {
        if !std::mem::replace(&mut self.is_told, true)
            && let Some(fault) = fault
        {
            self.span.fail(fault);
        }
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        self.tell(Some("unknown"));
    }
}
