//! Traces, by OpenTelemetry: where a request, a job and a batch spent their time.
//!
//! A [`SpanContext`] travels with requests and messages; a [`Span`] begins there, and has a context of its
//! own. Names and attributes of spans follow OpenTelemetry's conventions and are set in [`http`], [`messages`]
//! and [`batches`] alone, so that none shows a secret. Ended spans wait in a bounded queue and are
//! [exported](export) in the background; what the collector does not accept is dropped and counted.
//!
//! Without a collector [`Traces`] is empty, and so is every span: tracing then costs nothing.

pub mod batches;
mod collector;
mod context;
pub mod export;
pub mod http;
pub mod messages;
mod queue;
mod sampler;
mod settings;
mod span;
mod tracer;

pub use context::{SpanContext, TRACEPARENT, TRACESTATE};
pub use settings::{Settings, TracesError};
pub use span::Span;
pub use tracer::Traces;
