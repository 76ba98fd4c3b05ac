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
mod context;
pub mod export;
pub mod http;
pub mod messages;
mod queue;
mod sampler;
mod settings;
mod span;
mod tracer;

pub use context::{Place, TRACEPARENT, TRACESTATE};
pub use settings::{Settings, TracesError};
pub use span::Span;
pub use tracer::Traces;
