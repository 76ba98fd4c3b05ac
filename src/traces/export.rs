//! Spans on their way to the collector, beside all other work.

use super::collector::Collector;
use super::queue::Queue;
use opentelemetry_sdk::trace::SpanData;
use std::time::Duration;
use tokio::sync::mpsc::Receiver;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_util::sync::CancellationToken;

/// Most spans in one request.
const SPANS_MAX: usize = 512;
/// How long the first of them waits for others.
const GATHERING: Duration = Duration::from_secs(1);
/// Longest time that the collector may take over a request.
const SENDING_MAX: Duration = Duration::from_secs(10);
/// How often its failing is told.
const COMPLAIN_EVERY: Duration = Duration::from_secs(600);
/// Longest time that the last spans hold up the end of the process.
const LAST_MAX: Duration = Duration::from_secs(2);

/// Exports until it is told to finish.
pub struct Exporting {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Exporting {
    pub(super) fn begin(collector: Collector) -> (Queue, Self) {
        let (queue, ended) = Queue::new();
        let stop = CancellationToken::new();
        let exporter = Exporter { collector, complained_at: None, has_complained: false };
        let task = tokio::spawn(exporter.export(ended, stop.clone()));
        (queue, Self { stop, task })
    }

    /// Sends what has ended, if that goes fast and is done by then; what ends from now on is lost.
    pub async fn finish(mut self, by: Instant) {
        self.stop.cancel();
        let by = by.min(Instant::now() + LAST_MAX);
        if timeout_at(by, &mut self.task).await.is_err() {
            tracing::warn!("the collector did not accept the last spans in time: they are dropped");
            self.task.abort();
        }
    }
}

struct Exporter {
    collector: Collector,
    complained_at: Option<Instant>,
    /// Since it last took any.
    has_complained: bool,
}

impl Exporter {
    async fn export(mut self, mut ended: Receiver<SpanData>, stop: CancellationToken) {
        while let Some(spans) = gather(&mut ended, &stop).await {
            let count = spans.len() as u64;
            match timeout(SENDING_MAX, self.collector.send(spans)).await {
                Ok(Ok(())) => self.goes_well(count),
                Ok(Err(error)) => self.fails(count, &error, &stop).await,
                Err(_) => self.fails(count, "it did not answer in time", &stop).await,
            }
        }
    }

    fn goes_well(&mut self, spans: u64) {
        metrics::counter!("redeemq_spans_exported_total").increment(spans);
        if std::mem::take(&mut self.has_complained) {
            tracing::info!("the collector accepts spans again");
        }
    }

    /// They are lost; the next ones try their luck after a pause.
    async fn fails(&mut self, spans: u64, error: &str, stop: &CancellationToken) {
        metrics::counter!("redeemq_spans_lost_total", "why" => "refused").increment(spans);
        if self.complained_at.is_none_or(|at| at.elapsed() >= COMPLAIN_EVERY) {
            self.complained_at = Some(Instant::now());
            self.has_complained = true;
            tracing::warn!(
                error,
                "the collector accepts no spans: they are dropped, and nothing else is affected"
            );
        }
        stop.run_until_cancelled(sleep(GATHERING)).await;
    }
}

/// Some spans; none after the last ones.
async fn gather(ended: &mut Receiver<SpanData>, stop: &CancellationToken) -> Option<Vec<SpanData>> {
    let mut spans = Vec::new();
    let first = ended.recv_many(&mut spans, SPANS_MAX);
    if stop.run_until_cancelled(first).await.is_none() {
        ended.close();
        ended.recv_many(&mut spans, SPANS_MAX).await;
    }
    let full_by = Instant::now() + GATHERING;
    while !spans.is_empty() && spans.len() < SPANS_MAX && !stop.is_cancelled() {
        let more = ended.recv_many(&mut spans, SPANS_MAX);
        if !matches!(stop.run_until_cancelled(timeout_at(full_by, more)).await, Some(Ok(1..))) {
            break;
        }
    }
    Some(spans).filter(|spans| !spans.is_empty())
}
