//! Span contexts, as W3C's Trace Context writes them.

use opentelemetry::Context;
use opentelemetry::propagation::{Extractor, TextMapPropagator as _};
use opentelemetry::trace::{self, TraceContextExt as _};
use opentelemetry_sdk::propagation::TraceContextPropagator;

/// The header that names a span context.
pub const TRACEPARENT: &str = "traceparent";
/// The header with what tracing systems add to it.
pub const TRACESTATE: &str = "tracestate";

/// Length of the first one, as far as W3C has defined it.
const TRACEPARENT_BYTES: usize = 55;
/// Longest second one that is kept: as much as W3C asks for.
const TRACESTATE_MAX_BYTES: usize = 512;

/// Where a trace may be continued.
#[derive(Debug, Clone, PartialEq)]
pub struct SpanContext(pub(super) trace::SpanContext);

impl SpanContext {
    /// Reads both headers; none when the first is none of W3C's.
    pub fn read(traceparent: &str, tracestate: Option<&str>) -> Option<Self> {
        if traceparent.len() < TRACEPARENT_BYTES {
            return None;
        }
        let tracestate = tracestate.filter(|state| state.len() <= TRACESTATE_MAX_BYTES);
        let headers = Headers { traceparent, tracestate };
        let around = TraceContextPropagator::new().extract_with_context(&Context::new(), &headers);
        let context = around.span().span_context().clone();
        context.is_valid().then_some(Self(context))
    }

    pub fn traceparent(&self) -> String {
        let Self(context) = self;
        let flags = u8::from(context.is_sampled());
        format!("00-{}-{}-{flags:02x}", context.trace_id(), context.span_id())
    }

    /// The second one, unless it would be empty.
    pub fn tracestate(&self) -> Option<String> {
        Some(self.0.trace_state().header()).filter(|state| !state.is_empty())
    }

    /// Whether what begins here is kept.
    pub fn is_sampled(&self) -> bool {
        self.0.is_sampled()
    }

    pub(super) fn around(&self) -> Context {
        Context::new().with_remote_span_context(self.0.clone())
    }
}

struct Headers<'a> {
    traceparent: &'a str,
    tracestate: Option<&'a str>,
}

impl Extractor for Headers<'_> {
    fn get(&self, name: &str) -> Option<&str> {
        match name {
            TRACEPARENT => Some(self.traceparent),
            TRACESTATE => self.tracestate,
            _ => None,
        }
    }

    fn keys(&self) -> Vec<&str> {
        vec![TRACEPARENT, TRACESTATE]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLED: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_context_is_written_as_it_was_read() {
        let unsampled = SAMPLED.replace("-01", "-00");
        for (traceparent, is_sampled) in [(SAMPLED, true), (&unsampled, false)] {
            let context = SpanContext::read(traceparent, Some("a=1,b=2")).expect("a context");
            assert_eq!(
                (context.traceparent().as_str(), context.is_sampled()),
                (traceparent, is_sampled)
            );
            assert_eq!(context.tracestate().as_deref(), Some("a=1,b=2"));
        }
        let context = SpanContext::read(SAMPLED, None).expect("a context");
        assert_eq!(context.tracestate(), None);
    }

    #[test]
    fn what_is_not_a_context_is_none() {
        let of_zeros = format!("00-{}-00f067aa0ba902b7-01", "0".repeat(32));
        for text in ["", "00", "hello", &of_zeros, &SAMPLED[..54], &SAMPLED.to_uppercase()] {
            assert_eq!(SpanContext::read(text, None), None, "{text}");
        }
        let context = SpanContext::read(SAMPLED, Some("no state at all")).expect("a context");
        assert_eq!(context.tracestate(), None);
    }
}
