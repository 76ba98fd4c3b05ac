//! Spans of batches and of their jobs.
//!
//! A batch belongs to no job's trace: it has one of its own, which links the places that its jobs came from.
//! Each job that is kept has a span in its own trace, which links the batch.

use super::context::Place;
use super::messages::{Message, destination};
use super::span::{Span, tells};
use super::tracer::Traces;
use opentelemetry::trace::{Link, Span as _, SpanBuilder, SpanKind};
use std::time::{Duration, SystemTime};

/// A job that is kept, while its batch is worked on.
#[derive(Debug)]
pub struct Deciding {
    span: Span,
    /// Where its message came from, if that is known.
    from: Option<Place>,
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
        from: Option<Place>,
    ) -> Option<Deciding> {
        let name = format!("decide {}", message.exchange);
        let mut span = self.span(name.into(), SpanKind::Consumer, from.as_ref());
        span.tell(|| {
            let mut told = message.tells("decide", "process");
            told.push(tells("redeemq.client_id", client.to_owned()));
            told.push(tells("redeemq.operation", message.routing_key.to_owned()));
            told
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
        let links = origins.map(|Place(origin)| Link::with_context(origin));
        let builder = SpanBuilder::from_name(format!("process {exchange}"));
        let builder = builder.with_kind(SpanKind::Consumer).with_links(links.collect());
        let mut span = self.build(builder, None);
        span.tell(|| {
            let mut told = destination(exchange, "process", "process");
            told.push(tells("messaging.batch.message_count", jobs as i64));
            told.push(tells("redeemq.lane", lane));
            told
        });
        if let Some(batch) = span.place() {
            kept.iter_mut().for_each(|job| job.link(&batch));
        }
        Batch(span)
    }

    /// A step of a batch, which took so long and ends now.
    pub fn step(&self, batch: &Place, step: &'static str, took: Duration) {
        let begun = SystemTime::now() - took;
        let builder = SpanBuilder::from_name(step).with_start_time(begun);
        self.build(builder, Some(batch));
    }
}

impl Deciding {
    fn origin(&self) -> Option<Place> {
        self.from.clone().or_else(|| self.span.place())
    }

    fn link(&mut self, batch: &Place) {
        if let Some(span) = self.span.kept() {
            span.add_link(batch.0.clone(), Vec::new());
        }
    }

    /// It was decided with this code, now or before; where its result continues its trace.
    pub fn decided(mut self, code: Option<String>, is_replayed: bool) -> Option<Place> {
        self.span.tell(|| {
            let mut told = vec![tells("redeemq.replayed", is_replayed)];
            told.extend(code.map(|code| tells("redeemq.code", code)));
            told
        });
        self.span.place()
    }

    /// It was not decided: it waits, or is at fault.
    pub fn undecided(mut self, why: &'static str, is_fault: bool) {
        self.span.tell(|| vec![tells("redeemq.undecided", why)]);
        if is_fault {
            self.span.fail(why);
        }
    }
}

impl Batch {
    /// Where its steps belong.
    pub fn place(&self) -> Option<Place> {
        self.0.place()
    }

    /// An attempt at it, or at a part of it, has failed: there may be others.
    pub fn failed(&mut self, why: &'static str) {
        if let Some(span) = self.0.kept() {
            span.add_event("attempt failed", vec![tells("error.type", why)]);
        }
    }
}
