//! Traces, by OpenTelemetry: where a request, a job and a batch spent their time.
//!
//! A [`Place`] in a trace travels with requests and messages; a [`Span`] begins there, and is a place of
//! its own. What spans are called and what they tell, by OpenTelemetry's conventions, stands in [`http`],
//! [`messages`] and [`batches`], and nowhere else, so that none tells a secret. Spans that have ended wait in
//! a bounded queue, and are [exported](export) to a collector beside all other work: what it does not take
//! is lost, and counted.
//!
//! While no collector is configured [`Traces`] is empty, and so is every span: nothing costs anything.

pub mod batches;
mod collector;
pub mod export;
pub mod http;
pub mod messages;
mod place;
mod queue;
mod sampler;
mod span;

pub use place::{Place, TRACEPARENT, TRACESTATE};
pub use span::Span;

use crate::client::Unanswered;
use collector::Collector;
use export::Exporting;
use opentelemetry::KeyValue;
use opentelemetry::trace::{SpanBuilder, SpanKind, Tracer as _, TracerProvider as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider, SpanLimits};
use secrecy::SecretString;
use std::borrow::Cow;

/// Most links of a span: a batch has one for each of its jobs.
const LINKS_MAX: u32 = 5_000;

/// Where traces go, and which.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The collector, as `http://host:4318`.
    pub endpoint: SecretString,
    /// Headers that it wants, as `name=value,…`.
    pub headers: Option<SecretString>,
    /// Whose traces they are.
    pub service_name: String,
    /// The share that is kept of the traces that begin here, from 0 to 1.
    pub ratio: f64,
}

/// A setting that can't be read, or a machine that can't ask anybody.
#[derive(Debug, thiserror::Error)]
pub enum TracesError {
    /// The collector's address.
    #[error(
        "OTEL_EXPORTER_OTLP_ENDPOINT can't be read: it is http://host:4318, without user and password"
    )]
    Endpoint,
    /// The collector's headers.
    #[error("OTEL_EXPORTER_OTLP_HEADERS can't be read: it is name=value,name=value")]
    Headers,
    /// No certificates.
    #[error("traces can't be sent: {0}")]
    Client(#[from] Unanswered),
}

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

    /// Whether there are any.
    pub fn are_on(&self) -> bool {
        self.0.is_some()
    }

    /// A span, of a trace of its own unless it has a parent.
    fn span(&self, name: Cow<'static, str>, kind: SpanKind, parent: Option<&Place>) -> Span {
        self.build(SpanBuilder::from_name(name).with_kind(kind), parent)
    }

    /// What it tells is added when it is known to be kept.
    fn build(&self, builder: SpanBuilder, parent: Option<&Place>) -> Span {
        let Some(tracer) = &self.0 else { return Span::default() };
        let around = parent.map(Place::around).unwrap_or_default();
        Span::begun(tracer.build_with_context(builder, &around))
    }
}
