//! A batch in traces: its own span, and one for each of its jobs that is sampled.

use crate::broker::topology::REQUESTS;
use crate::broker::topology::lanes::Source;
use crate::broker::{message_spans, trace_headers};
use crate::domain::job::Job;
use crate::traces::batches::{Batch, Deciding};
use crate::traces::{SpanContext, Traces};
use crate::wire::answer;
use crate::worker::batch::delivery::Delivery;
use crate::worker::batch::outcome::Processed;

/// The spans of one batch.
pub(super) struct Spans {
    batch: Batch,
    /// With their jobs' positions in the batch.
    jobs: Vec<(usize, Deciding)>,
}

impl Spans {
    /// Begins those of the jobs that are sampled, and the batch's if there are any.
    pub(super) fn begin(traces: &Traces, source: Source, deliveries: &[Delivery]) -> Self {
        let mut jobs = Vec::new();
        if traces.are_on() {
            let all = deliveries
                .iter()
                .filter_map(|delivery| Some((delivery, delivery.job()?)))
                .enumerate();
            let sampled = |(at, (delivery, job))| Some((at, deciding(traces, delivery, job)?));
            jobs.extend(all.filter_map(sampled));
        }
        let batch = match jobs.is_empty() {
            true => Batch::default(),
            false => {
                let sampled = jobs.iter_mut().map(|(_, job)| job);
                traces.batch(REQUESTS, source.label(), deliveries.len(), sampled)
            }
        };
        Self { batch, jobs }
    }

    /// The parent of the batch's steps.
    pub(super) fn place(&self) -> Option<SpanContext> {
        self.batch.context()
    }

    /// An attempt at the batch, or at a part of it, has failed.
    pub(super) fn failed(&mut self, why: &'static str) {
        self.batch.failed(why);
    }

    /// Ends them; each result learns where it continues its job's trace.
    pub(super) fn end(self, outcomes: &mut [Processed]) {
        for (at, job) in self.jobs {
            match &mut outcomes[at] {
                Processed::Decided(result) => {
                    let code = answer::code(&result.body);
                    result.place = job.decided(code, result.is_replayed());
                }
                Processed::Poison(_) => job.undecided("poison", true),
                Processed::Suspect(_) => job.undecided("suspect", true),
                Processed::Parked(_) => job.undecided("held", false),
                Processed::OverLimit => job.undecided("over_limit", true),
                Processed::Abandoned => job.undecided("stopping", false),
            }
        }
    }
}

fn deciding(traces: &Traces, delivery: &Delivery, job: &Job) -> Option<Deciding> {
    let from = trace_headers::read(&delivery.received.properties);
    let message = message_spans::request(&delivery.received, job);
    traces.deciding(message, job.client.as_str(), from)
}
