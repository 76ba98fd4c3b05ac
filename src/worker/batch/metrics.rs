//! What batches tell ops: metrics, and the one log line of a batch.

use crate::domain::job::Job;
use crate::store::Fault;
use crate::store::persist::Entry;
use crate::traces::{SpanContext, Traces};
use crate::worker::batch::job_result::JobResult;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use time::OffsetDateTime;

/// Times the steps of an attempt; they are spans of the batch, where that has one.
pub(super) struct StepTimer<'a> {
    begun: Instant,
    traces: &'a Traces,
    batch: Option<SpanContext>,
}

impl<'a> StepTimer<'a> {
    pub(super) fn begin(traces: &'a Traces, batch: Option<SpanContext>) -> Self {
        Self { begun: Instant::now(), traces, batch }
    }

    pub(super) fn done(&mut self, step: &'static str) {
        let took = self.begun.elapsed();
        metrics::histogram!("redeemq_step_seconds", "step" => step).record(took.as_secs_f64());
        if let Some(batch) = &self.batch {
            self.traces.step(batch, step, took);
        }
        self.begun += took;
    }
}

/// Counts what was decided, summed first: a batch has many jobs and few kinds of decisions.
pub(super) fn count_decided(entries: &[Entry<'_>], decided_at: OffsetDateTime) {
    let waits = metrics::histogram!("redeemq_accepted_to_decided_seconds");
    let mut decided: BTreeMap<(&'static str, &'static str), u64> = BTreeMap::new();
    for Entry { job, outcome, .. } in entries {
        let kind = (job.operation.as_str(), outcome.code().as_str());
        *decided.entry(kind).or_default() += 1;
        waits.record(waited(job, decided_at));
    }
    for ((operation, code), jobs) in decided {
        metrics::counter!("redeemq_decided_total", "operation" => operation, "code" => code)
            .increment(jobs);
    }
}

/// Seconds; 0 where a publisher's clock is ahead.
fn waited(job: &Job, decided_at: OffsetDateTime) -> f64 {
    (decided_at - job.accepted_at).as_seconds_f64().max(0.0)
}

/// Counts jobs whose id was decided before: answered with what is stored, or refused for other content.
pub(super) fn count_duplicates(answer: &'static str, jobs: usize) {
    if jobs > 0 {
        metrics::counter!("redeemq_duplicates_total", "answer" => answer).increment(jobs as u64);
    }
}

/// Counts a failed attempt, and says under which kind.
pub(super) fn count_failure(fault: Fault) -> &'static str {
    let kind = match fault {
        Fault::Retry => "twin",
        Fault::Transient => "transient",
        Fault::Stalled => "stalled",
        Fault::OfJob => "job",
        Fault::OfDeployment => "deployment",
    };
    metrics::counter!("redeemq_batch_errors_total", "kind" => kind).increment(1);
    kind
}

pub(super) fn record_paused(lane: &str, is_paused: bool) {
    metrics::gauge!("redeemq_lane_paused", "lane" => lane.to_owned())
        .set(f64::from(u8::from(is_paused)));
}

/// A batch has committed: the only line that a batch leaves in the log when all goes well.
pub(super) fn record_batch(lane: &str, results: &[JobResult], took: Duration) {
    metrics::histogram!("redeemq_batch_seconds").record(took.as_secs_f64());
    metrics::histogram!("redeemq_batch_jobs").record(results.len() as f64);
    tracing::info!(
        lane = %lane,
        jobs = results.len(),
        effective = results.iter().filter(|result| result.is_effective).count(),
        replayed = results.iter().filter(|result| result.is_replayed()).count(),
        took_ms = took.as_millis() as u64,
        "decided"
    );
}
