//! A batch in traces: its own span, and one for each of its jobs that is kept.

use crate::broker::topology::REQUESTS;
use crate::broker::topology::lanes::Source;
use crate::broker::trace_headers;
use crate::domain::job::Job;
use crate::traces::batches::{Batch, Deciding};
use crate::traces::{SpanContext, Traces};
use crate::wire::answer;
use crate::worker::batch::delivery::Delivery;
use crate::worker::batch::process::Processed;

/// The spans of one batch.
pub struct Spans {
    batch: Batch,
    /// With the places in the batch at which their jobs stand.
    jobs: Vec<(usize, Deciding)>,
}

impl Spans {
    /// Begins those of the jobs that are kept, and the batch's if there are any.
    pub fn begin(traces: &Traces, source: Source, deliveries: &[Delivery]) -> Self {
        let mut jobs = Vec::new();
        if traces.are_on() {
            let all = deliveries
                .iter()
                .filter_map(|delivery| Some((delivery, delivery.job()?)))
                .enumerate();
            let kept = |(at, (delivery, job))| Some((at, deciding(traces, delivery, job)?));
            jobs.extend(all.filter_map(kept));
        }
        let batch = match jobs.is_empty() {
            true => Batch::default(),
            false => {
                let kept = jobs.iter_mut().map(|(_, job)| job);
                traces.batch(REQUESTS, source.label(), deliveries.len(), kept)
            }
        };
        Self { batch, jobs }
    }

    /// Where the batch's steps belong.
    pub fn place(&self) -> Option<SpanContext> {
        self.batch.context()
    }

    /// An attempt at the batch, or at a part of it, has failed.
    pub fn failed(&mut self, why: &'static str) {
        self.batch.failed(why);
    }

    /// Ends them; each answer learns where its result continues its job's trace.
    pub fn end(self, outcomes: &mut [Processed]) {
        for (at, job) in self.jobs {
            match &mut outcomes[at] {
                Processed::Answered(given) => {
                    let code = answer::code(&given.body);
                    given.place = job.decided(code, given.is_replayed());
                }
                Processed::Poison(_) => job.undecided("poison", true),
                Processed::Suspect(_) => job.undecided("suspect", true),
                Processed::Waits(_) => job.undecided("held", false),
                Processed::Abandoned => job.undecided("stopping", false),
            }
        }
    }
}

fn deciding(traces: &Traces, delivery: &Delivery, job: &Job) -> Option<Deciding> {
    let from = trace_headers::place(&delivery.received.properties);
    let message = trace_headers::request(&delivery.received, job);
    traces.deciding(message, job.client.as_str(), from)
}
