//! What is published for a delivery, and how its fate is counted.

use crate::broker::message_spans;
use crate::broker::publish::message::{ConfirmStatus, Outgoing};
use crate::broker::publish::outbound;
use crate::broker::publish::outbound::OutboundMessages;
use crate::traces::Traces;
use crate::traces::messages::Sending;
use crate::worker::batch::delivery::{Delivery, Payload};
use crate::worker::batch::job_result::JobResult;
use crate::worker::publish::unconfirmed::UnconfirmedResult;
use std::collections::BTreeMap;
use std::time::Instant;

/// The messages that must be confirmed before a delivery is acknowledged.
#[derive(Debug)]
pub struct PendingResult {
    /// The delivery.
    pub tag: u64,
    /// Its messages; copies get one try.
    pub letter: OutboundMessages,
    /// When it was decided, unless that was before this delivery.
    pub decided_at: Option<Instant>,
    /// Whether it is a dead letter, which must arrive, however long it takes.
    pub is_dead: bool,
    /// Its span.
    pub sending: Sending,
}

impl PendingResult {
    /// The result of a delivery's job.
    pub fn of(delivery: &Delivery, traces: &Traces, answer: &JobResult) -> Option<Self> {
        let (Payload::Job(job) | Payload::OverLimit(job)) = &delivery.payload else { return None };
        let mut letter =
            outbound::result(&delivery.received, job, &answer.body, answer.is_replayed());
        let kept = answer.place.as_ref();
        let sending = kept.map(|place| message_spans::send_all(traces, &mut letter, Some(place)));
        let (tag, decided_at) = (delivery.received.tag, answer.decided_at);
        Some(Self { tag, letter, decided_at, is_dead: false, sending: sending.unwrap_or_default() })
    }
}

/// A result, and how often it was refused.
pub(super) struct Tried {
    pub(super) result: PendingResult,
    pub(super) tries: u32,
}

/// What is published together: deliveries' messages, and copies for which no delivery waits.
#[derive(Default)]
pub(super) struct Window {
    pub(super) results: Vec<Tried>,
    pub(super) copies: Vec<Outgoing>,
}

impl Window {
    pub(super) fn add(&mut self, results: Vec<PendingResult>) {
        self.results.extend(results.into_iter().map(|result| Tried { result, tries: 0 }));
    }

    /// What came back from the unconfirmed.
    pub(super) fn add_back(&mut self, unconfirmed: Vec<UnconfirmedResult>) {
        for message in unconfirmed {
            match message.tag {
                Some(tag) => self.add(vec![message.into_parcel(tag)]),
                None => self.copies.push(message.message),
            }
        }
    }
}

/// What became of results, summed before it is counted.
#[derive(Default)]
pub(super) struct ResultCounts {
    outcomes: BTreeMap<&'static str, u64>,
    /// Those of one batch were decided at one instant.
    decided: BTreeMap<Instant, usize>,
}

impl ResultCounts {
    /// A result that is settled.
    pub(super) fn add(&mut self, receipt: ConfirmStatus, result: &mut PendingResult) {
        result.sending.record_outcome(fault(receipt));
        match (receipt, result.is_dead) {
            (ConfirmStatus::Confirmed, true) => *self.outcomes.entry("dead").or_default() += 1,
            (receipt, _) => self.add_result(receipt, result.decided_at),
        }
    }

    fn add_result(&mut self, receipt: ConfirmStatus, decided_at: Option<Instant>) {
        let published = if decided_at.is_some() { "published" } else { "replayed" };
        let outcome = fault(receipt).unwrap_or(published);
        *self.outcomes.entry(outcome).or_default() += 1;
        // What no queue wanted was confirmed all the same.
        if let (ConfirmStatus::Confirmed | ConfirmStatus::Returned, Some(at)) =
            (receipt, decided_at)
        {
            *self.decided.entry(at).or_default() += 1;
        }
    }

    /// Tells it.
    pub(super) fn count(self) {
        for (outcome, results) in self.outcomes {
            metrics::counter!("redeemq_results_total", "outcome" => outcome).increment(results);
        }
        let waits = metrics::histogram!("redeemq_decided_to_published_seconds");
        for (at, results) in self.decided {
            waits.record_many(at.elapsed().as_secs_f64(), results);
        }
    }
}

/// Why a message is not where it should be, if it is not.
pub(super) fn fault(receipt: ConfirmStatus) -> Option<&'static str> {
    match receipt {
        ConfirmStatus::Confirmed => None,
        ConfirmStatus::Returned => Some("unrouted"),
        ConfirmStatus::Refused => Some("refused"),
        ConfirmStatus::TooLarge => Some("too_large"),
        ConfirmStatus::Unconfirmed => Some("unconfirmed"),
    }
}

/// What became of one result.
pub(super) fn count_result(receipt: ConfirmStatus, decided_at: Option<Instant>) {
    let mut results = ResultCounts::default();
    results.add_result(receipt, decided_at);
    results.count();
}

/// What became of copies.
pub(super) fn count_copies(receipts: impl IntoIterator<Item = ConfirmStatus>) {
    let mut outcomes: BTreeMap<&'static str, u64> = BTreeMap::new();
    for receipt in receipts {
        let outcome = match receipt {
            ConfirmStatus::Confirmed => "published",
            ConfirmStatus::Returned => "gone",
            ConfirmStatus::Refused | ConfirmStatus::TooLarge => "refused",
            ConfirmStatus::Unconfirmed => "unconfirmed",
        };
        *outcomes.entry(outcome).or_default() += 1;
    }
    for (outcome, copies) in outcomes {
        metrics::counter!("redeemq_replies_total", "outcome" => outcome).increment(copies);
    }
}
