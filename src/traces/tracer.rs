//! Spans begin here.

use super::collector::Collector;
use super::context::SpanContext;
use super::export::Exporting;
use super::sampler;
use super::settings::{Settings, TracesError};
use super::span::Span;
use opentelemetry::KeyValue;
use opentelemetry::trace::{SpanBuilder, SpanKind, Tracer as _, TracerProvider as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider, SpanLimits};
use std::borrow::Cow;

/// Most links of a span: a batch has one for each of its jobs.
const LINKS_MAX: u32 = 5_000;

/// Makes spans; none while no collector is configured.
#[derive(Clone, Default)]
pub struct Traces(Option<SdkTracer>);

impl Traces {
    /// Begins to export what is made from now on.
    ///
    /// # Errors
    /// When a setting can't be read.
    pub fn begin(settings: &Settings) -> Result<(Self, Exporting), TracesError> {
        let resource = Resource::builder()
            .with_service_name(settings.service_name.clone())
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
            .with_attribute(KeyValue::new("service.instance.id", uuid::Uuid::new_v4().to_string()))
            .build();
        let (queue, exporting) = Exporting::begin(Collector::new(settings, &resource)?);
        let limits = SpanLimits { max_links_per_span: LINKS_MAX, ..SpanLimits::default() };
        let provider = SdkTracerProvider::builder()
            .with_resource(resource)
            .with_sampler(sampler::sampler(settings.ratio))
            .with_span_limits(limits)
            .with_span_processor(queue)
            .build();
        Ok((Self(Some(provider.tracer("redeemq"))), exporting))
    }

    pub fn are_on(&self) -> bool {
        self.0.is_some()
    }

    /// A span, of a trace of its own unless it has a parent.
    pub(super) fn span(
        &self,
        name: Cow<'static, str>,
        kind: SpanKind,
        parent: Option<&SpanContext>,
    ) -> Span {
        self.build(SpanBuilder::from_name(name).with_kind(kind), parent)
    }

    /// Attributes are added later, if it is sampled.
    pub(super) fn build(&self, builder: SpanBuilder, parent: Option<&SpanContext>) -> Span {
        let Some(tracer) = &self.0 else { return Span::default() };
        let around = parent.map(SpanContext::around).unwrap_or_default();
        Span::begun(tracer.build_with_context(builder, &around))
    }
}
