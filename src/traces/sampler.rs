//! Which traces are sampled.

use opentelemetry::trace::{Link, SpanKind, TraceId};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::{Sampler, SamplingDecision, SamplingResult, ShouldSample};

/// A continued trace keeps its caller's decision. Of new traces a share is sampled, and every batch that
/// links a sampled one.
pub(super) fn sampler(ratio: f64) -> Sampler {
    Sampler::ParentBased(Box::new(Roots(Sampler::TraceIdRatioBased(ratio))))
}

#[derive(Debug, Clone)]
struct Roots(Sampler);

impl ShouldSample for Roots {
    fn should_sample(
        &self,
        parent: Option<&Context>,
        trace: TraceId,
        name: &str,
        kind: &SpanKind,
        attributes: &[KeyValue],
        links: &[Link],
    ) -> SamplingResult {
        let mut judged = self.0.should_sample(parent, trace, name, kind, attributes, links);
        if links.iter().any(|link| link.span_context.is_sampled()) {
            judged.decision = SamplingDecision::RecordAndSample;
        }
        judged
    }
}
