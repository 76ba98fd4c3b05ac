//! How the fate of results and copies is counted.

use crate::broker::publish::message::ConfirmStatus;
use crate::worker::publish::pending_result::{Kind, PendingResult};
use std::collections::BTreeMap;
use std::time::Instant;

/// What became of results, summed before it is counted.
#[derive(Default)]
pub(super) struct ResultCounts {
    outcomes: BTreeMap<&'static str, u64>,
    /// Those of one batch were decided at one instant.
    decided: BTreeMap<Instant, usize>,
    /// Dead letters that lie in their queue, by their reason.
    dead: BTreeMap<&'static str, u64>,
}

impl ResultCounts {
    /// A result that is settled.
    pub(super) fn add(&mut self, status: ConfirmStatus, result: &mut PendingResult) {
        result.sending.record_outcome(fault(status));
        let confirmed = match result.kind {
            Kind::Decided(_) => "published",
            Kind::Replayed => "replayed",
            Kind::DeadLetter(_) => "dead",
        };
        *self.outcomes.entry(fault(status).unwrap_or(confirmed)).or_default() += 1;
        // What no queue wanted was confirmed all the same.
        if let (ConfirmStatus::Confirmed | ConfirmStatus::Returned, Kind::Decided(at)) =
            (status, result.kind)
        {
            *self.decided.entry(at).or_default() += 1;
        }
        if let (ConfirmStatus::Confirmed, Kind::DeadLetter(Some(why))) = (status, result.kind) {
            *self.dead.entry(why).or_default() += 1;
        }
    }

    /// Adds it to the metrics.
    pub(super) fn record(self) {
        for (outcome, results) in self.outcomes {
            metrics::counter!("redeemq_results_total", "outcome" => outcome).increment(results);
        }
        for (reason, letters) in self.dead {
            metrics::counter!("redeemq_dead_total", "reason" => reason).increment(letters);
        }
        let waits = metrics::histogram!("redeemq_decided_to_published_seconds");
        for (at, results) in self.decided {
            waits.record_many(at.elapsed().as_secs_f64(), results);
        }
    }
}

/// Why a message is not where it should be, if it is not.
fn fault(status: ConfirmStatus) -> Option<&'static str> {
    match status {
        ConfirmStatus::Confirmed => None,
        ConfirmStatus::Returned => Some("unrouted"),
        ConfirmStatus::Refused => Some("refused"),
        ConfirmStatus::TooLarge => Some("too_large"),
        ConfirmStatus::Unconfirmed => Some("unconfirmed"),
    }
}

/// What became of copies.
pub(super) fn record_copies(statuses: impl IntoIterator<Item = ConfirmStatus>) {
    let mut outcomes: BTreeMap<&'static str, u64> = BTreeMap::new();
    for status in statuses {
        let outcome = match status {
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

/// Messages that the broker may have or not: they are published again.
pub(super) fn record_unknown(messages: usize) {
    metrics::counter!("redeemq_confirms_unknown_total", "of" => "results")
        .increment(messages as u64);
}

/// Deliveries whose ack could not be sent: they are delivered again.
pub(super) fn record_lost_acks(acks: usize) {
    metrics::counter!("redeemq_acks_lost_total").increment(acks as u64);
}
