//! What is published for a delivery, and how its fate is counted.

use super::laggards::Laggard;
use crate::broker::letters::Letter;
use crate::broker::message::{Outgoing, Receipt};
use crate::traces::messages::Sending;
use std::collections::BTreeMap;
use std::time::Instant;

/// The messages that must be confirmed before a delivery is acknowledged.
#[derive(Debug)]
pub struct Parcel {
    /// The delivery.
    pub tag: u64,
    /// Its messages; copies get one try.
    pub letter: Letter,
    /// When it was decided, unless that was before this delivery.
    pub decided_at: Option<Instant>,
    /// Whether it is a dead letter, which must arrive, however long it takes.
    pub is_dead: bool,
    /// Its span.
    pub sending: Sending,
}

/// A parcel, and how often it was refused.
pub(super) struct Tried {
    pub(super) parcel: Parcel,
    pub(super) tries: u32,
}

/// What is published together: deliveries' messages, and copies for which no delivery waits.
#[derive(Default)]
pub(super) struct Window {
    pub(super) parcels: Vec<Tried>,
    pub(super) copies: Vec<Outgoing>,
}

impl Window {
    pub(super) fn add(&mut self, parcels: Vec<Parcel>) {
        self.parcels.extend(parcels.into_iter().map(|parcel| Tried { parcel, tries: 0 }));
    }

    /// What came back from the laggards.
    pub(super) fn add_back(&mut self, laggards: Vec<Laggard>) {
        for laggard in laggards {
            match laggard.tag {
                Some(tag) => self.add(vec![laggard.into_parcel(tag)]),
                None => self.copies.push(laggard.message),
            }
        }
    }
}

/// What became of results, summed before it is counted.
#[derive(Default)]
pub(super) struct Results {
    outcomes: BTreeMap<&'static str, u64>,
    /// Those of one batch were decided at one instant.
    decided: BTreeMap<Instant, usize>,
}

impl Results {
    /// A parcel that is settled.
    pub(super) fn add(&mut self, receipt: Receipt, parcel: &mut Parcel) {
        parcel.sending.tell(fault(receipt));
        match (receipt, parcel.is_dead) {
            (Receipt::Confirmed, true) => *self.outcomes.entry("dead").or_default() += 1,
            (receipt, _) => self.add_result(receipt, parcel.decided_at),
        }
    }

    fn add_result(&mut self, receipt: Receipt, decided_at: Option<Instant>) {
        let published = if decided_at.is_some() { "published" } else { "replayed" };
        let outcome = fault(receipt).unwrap_or(published);
        *self.outcomes.entry(outcome).or_default() += 1;
        // What no queue wanted was confirmed all the same.
        if let (Receipt::Confirmed | Receipt::Returned, Some(at)) = (receipt, decided_at) {
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
pub(super) fn fault(receipt: Receipt) -> Option<&'static str> {
    match receipt {
        Receipt::Confirmed => None,
        Receipt::Returned => Some("unrouted"),
        Receipt::Refused => Some("refused"),
        Receipt::TooLarge => Some("too_large"),
        Receipt::Unconfirmed => Some("unconfirmed"),
    }
}

/// What became of one result.
pub(super) fn count_result(receipt: Receipt, decided_at: Option<Instant>) {
    let mut results = Results::default();
    results.add_result(receipt, decided_at);
    results.count();
}

/// What became of copies.
pub(super) fn count_copies(receipts: impl IntoIterator<Item = Receipt>) {
    let mut outcomes: BTreeMap<&'static str, u64> = BTreeMap::new();
    for receipt in receipts {
        let outcome = match receipt {
            Receipt::Confirmed => "published",
            Receipt::Returned => "gone",
            Receipt::Refused | Receipt::TooLarge => "refused",
            Receipt::Unconfirmed => "unconfirmed",
        };
        *outcomes.entry(outcome).or_default() += 1;
    }
    for (outcome, copies) in outcomes {
        metrics::counter!("redeemq_replies_total", "outcome" => outcome).increment(copies);
    }
}
