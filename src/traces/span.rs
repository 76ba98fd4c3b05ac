//! A span under way.

use super::context::SpanContext;
use opentelemetry::trace::{Span as _, Status};
use opentelemetry::{KeyValue, Value};
use opentelemetry_sdk::trace;

/// A span, which ends when it is dropped; empty while tracing is off.
#[derive(Default)]
pub struct Span(Option<Box<trace::Span>>);

impl std::fmt::Debug for Span {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Span")
    }
}

impl Span {
    pub(super) fn begun(span: trace::Span) -> Self {
        Self(Some(Box::new(span)))
    }

    /// Where others continue its trace, sampled or not.
    pub fn context(&self) -> Option<SpanContext> {
        self.0.as_ref().map(|span| SpanContext(span.span_context().clone()))
    }

    pub fn is_kept(&self) -> bool {
        self.0.as_ref().is_some_and(|span| span.is_recording())
    }

    /// Marks it as failed, with the error's type.
    pub fn fail(&mut self, why: &'static str) {
        if let Some(span) = self.kept() {
            span.set_attribute(KeyValue::new("error.type", why));
            span.set_status(Status::error(""));
        }
    }

    /// The attributes are not computed for a span that is not sampled.
    pub(super) fn set_attributes(&mut self, attributes: impl FnOnce() -> Vec<KeyValue>) {
        if let Some(span) = self.kept() {
            span.set_attributes(attributes());
        }
    }

    pub(super) fn kept(&mut self) -> Option<&mut trace::Span> {
        self.0.as_deref_mut().filter(|span| span.is_recording())
    }
}

pub(super) fn attr(key: &'static str, value: impl Into<Value>) -> KeyValue {
    KeyValue::new(key, value)
}
