//! A span under way.

use super::context::Place;
use opentelemetry::trace::{Span as _, Status};
use opentelemetry::{KeyValue, Value};
use opentelemetry_sdk::trace;

/// A span, which ends when it is dropped; none while tracing is off.
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

    /// Where others continue its trace, whether it is kept or not.
    pub fn place(&self) -> Option<Place> {
        self.0.as_ref().map(|span| Place(span.span_context().clone()))
    }

    /// Whether it is kept.
    pub fn is_kept(&self) -> bool {
        self.0.as_ref().is_some_and(|span| span.is_recording())
    }

    /// What it was about has failed, in one word.
    pub fn fail(&mut self, why: &'static str) {
        if let Some(span) = self.kept() {
            span.set_attribute(KeyValue::new("error.type", why));
            span.set_status(Status::error(""));
        }
    }

    /// What follows is not worked out for a span that is not kept.
    pub(super) fn tell(&mut self, attributes: impl FnOnce() -> Vec<KeyValue>) {
        if let Some(span) = self.kept() {
            span.set_attributes(attributes());
        }
    }

    pub(super) fn kept(&mut self) -> Option<&mut trace::Span> {
        self.0.as_deref_mut().filter(|span| span.is_recording())
    }
}

/// An attribute.
pub(super) fn tells(key: &'static str, value: impl Into<Value>) -> KeyValue {
    KeyValue::new(key, value)
}
