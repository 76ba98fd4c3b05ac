//! What is published for a delivery, and how its fate is counted.

use super::laggards::Laggard;
use crate::broker::letters::Letter;
use crate::broker::message::{Outgoing, Receipt};

/// The messages that must be confirmed before a delivery is acknowledged.
#[derive(Debug)]
pub struct Parcel {
    /// The delivery.
    pub tag: u64,
    /// Its messages; copies get one try.
    pub letter: Letter,
    /// Whether it is a dead letter, which must arrive, however long it takes.
    pub is_dead: bool,
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
                Some(tag) => {
                    let letter = Letter { main: laggard.message, copies: Vec::new() };
                    self.add(vec![Parcel { tag, letter, is_dead: false }]);
                }
                None => self.copies.push(laggard.message),
            }
        }
    }
}

/// What became of a result.
pub(super) fn count_result(receipt: Receipt) {
    let outcome = match receipt {
        Receipt::Returned => "unrouted",
        Receipt::Refused => "refused",
        Receipt::TooLarge => "too_large",
        Receipt::Unconfirmed => "unconfirmed",
        Receipt::Confirmed => "published",
    };
    metrics::counter!("redeemq_results_total", "outcome" => outcome).increment(1);
}

/// What became of a copy.
pub(super) fn count_copy(receipt: Receipt) {
    let outcome = match receipt {
        Receipt::Confirmed => "published",
        Receipt::Returned => "gone",
        Receipt::Refused | Receipt::TooLarge => "refused",
        Receipt::Unconfirmed => "unconfirmed",
    };
    metrics::counter!("redeemq_replies_total", "outcome" => outcome).increment(1);
}

/// A dead letter is where it belongs.
pub(super) fn count_dead() {
    metrics::counter!("redeemq_results_total", "outcome" => "dead").increment(1);
}
