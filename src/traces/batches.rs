//! Spans of batches and of their jobs.
//!
//! A batch has a trace of its own, with links to the span contexts of its jobs. Each sampled job has a span in
//! its own trace, with a link to the batch.

use super::context::SpanContext;
use super::messages::{Message, destination};
use super::span::{Span, attr};
use super::tracer::Traces;
use opentelemetry::trace::{Link, Span as _, SpanBuilder, SpanKind};
use std::time::{Duration, SystemTime};

/// A job that is kept, while its batch is worked on.
#[derive(Debug)]
pub struct Deciding {
    span: Span,
    /// Where its message came from, if that is known.
    from: Option<SpanContext>,
}

/// A batch that has such a job.
#[derive(Debug, Default)]
pub struct Batch(Span);

impl Traces {
    /// A job of this client, taken from where its message came from; none unless it is kept.
    pub fn deciding(
        &self,
        message: Message<'_>,
        client: &str,
        from: Option<SpanContext>,
    ) -> Option<Deciding> {
        let name = format!("decide {}", message.exchange);
        let mut span = self.span(name.into(), SpanKind::Consumer, from.as_ref());
        span.set_attributes(|| {
            let mut attributes = message.attributes("decide", "process");
            attributes.push(attr("redeemq.client_id", client.to_owned()));
            attributes.push(attr("redeemq.operation", message.routing_key.to_owned()));
            attributes
        });
        span.is_kept().then_some(Deciding { span, from })
    }

    /// A batch of so many jobs, of which these are kept.
    pub fn batch<'a>(
        &self,
        exchange: &'static str,
        lane: String,
        jobs: usize,
        kept: impl Iterator<Item = &'a mut Deciding>,
    ) -> Batch {
        let mut kept: Vec<&mut Deciding> = kept.collect();
        let origins = kept.iter().filter_map(|job| job.origin());
        let links = origins.map(|SpanContext(origin)| Link::with_context(origin));
        let builder = SpanBuilder::from_name(format!("process {exchange}"));
        let builder = builder.with_kind(SpanKind::Consumer).with_links(links.collect());
        let mut span = self.build(builder, None);
        span.set_attributes(|| {
            let mut attributes = destination(exchange, "process", "process");
            attributes.push(attr("messaging.batch.message_count", jobs as i64));
            attributes.push(attr("redeemq.lane", lane));
            attributes
        });
        if let Some(batch) = span.context() {
            kept.iter_mut().for_each(|job| job.link(&batch));
        }
        Batch(span)
    }

    /// A step of a batch, which took so long and ends now.
    pub fn step(&self, batch: &SpanContext, step: &'static str, took: Duration) {
        let begun = SystemTime::now() - took;
        let builder = SpanBuilder::from_name(step).with_start_time(begun);
        self.build(builder, Some(batch));
    }
}

impl Deciding {
    fn origin(&self) -> Option<SpanContext> {
        self.from.clone().or_else(|| self.span.context())
    }

    fn link(&mut self, batch: &SpanContext) {
        if let Some(span) = self.span.kept() {
            span.add_link(batch.0.clone(), Vec::new());
        }
    }

    /// It was decided with this code, now or before; where its result continues its trace.
    pub fn decided(mut self, code: Option<String>, is_replayed: bool) -> Option<SpanContext> {
        self.span.set_attributes(|| {
            let mut attributes = vec![attr("redeemq.replayed", is_replayed)];
            attributes.extend(code.map(|code| attr("redeemq.code", code)));
            attributes
        });
        self.span.context()
    }

    /// It was not decided: it waits, or is at fault.
    pub fn undecided(mut self, why: &'static str, is_fault: bool) {
        self.span.set_attributes(|| vec![attr("redeemq.undecided", why)]);
        if is_fault {
            self.span.fail(why);
        }
    }
}

impl Batch {
    pub fn context(&self) -> Option<SpanContext> {
        self.0.context()
    }

    /// An attempt at it, or at a part of it, has failed: there may be others.
    pub fn failed(&mut self, why: &'static str) {
        if let Some(span) = self.0.kept() {
            span.add_event("attempt failed", vec![attr("error.type", why)]);
        }
    }
}
