//! Spans that have ended, waiting to be exported.

use opentelemetry::Context;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{Span, SpanData, SpanProcessor};
use std::time::Duration;
use tokio::sync::mpsc;

/// Most that wait; they have some 2 KiB each.
const WAITING_MAX: usize = 4_096;

/// Takes spans as long as there is room: ending a span never waits.
#[derive(Debug)]
pub(super) struct Queue(mpsc::Sender<SpanData>);

impl Queue {
    pub(super) fn new() -> (Self, mpsc::Receiver<SpanData>) {
        let (sender, receiver) = mpsc::channel(WAITING_MAX);
        (Self(sender), receiver)
    }
}

impl SpanProcessor for Queue {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        if self.0.try_send(span).is_err() {
            metrics::counter!("redeemq_spans_lost_total", "why" => "full").increment(1);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    /// [`super::export::Exporting`] ends it.
    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}
