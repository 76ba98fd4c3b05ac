//! How old the oldest job is that waits for its decision.
//!
//! By `accepted_at` of what lanes have in hand: queues are worked off in their order, so what they still
//! hold is younger, and nobody can look at its age without taking it.

use crate::gauges::Gauges;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use time::OffsetDateTime;

/// No job.
const NONE: i64 = i64::MAX;

/// The oldest jobs of all lanes.
#[derive(Clone, Default)]
pub struct InFlightAges(Arc<Mutex<Vec<Arc<InFlightAge>>>>);

/// What a lane has in hand.
pub struct InFlightAge {
    /// When the oldest that is in hand now was accepted, in Unix milliseconds.
    oldest: AtomicI64,
    /// The same of all since the last look.
    seen: AtomicI64,
}

impl InFlightAges {
    /// Measures whenever somebody looks.
    pub fn measured_by(gauges: &Gauges) -> Self {
        let ages = Self::default();
        let (measured, age) = (ages.clone(), metrics::gauge!("redeemq_oldest_job_age_seconds"));
        gauges.add(move || age.set(measured.look()));
        ages
    }

    /// For another lane.
    pub fn hand(&self) -> Arc<InFlightAge> {
        let hand =
            Arc::new(InFlightAge { oldest: AtomicI64::new(NONE), seen: AtomicI64::new(NONE) });
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&hand));
        hand
    }

    /// Seconds; 0 without any.
    fn look(&self) -> f64 {
        let hands = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let oldest = hands.iter().map(|hand| hand.look()).min().unwrap_or(NONE);
        if oldest == NONE {
            return 0.0;
        }
        (millis(OffsetDateTime::now_utc()) - oldest).max(0) as f64 / 1_000.0
    }
}

impl InFlightAge {
    /// These are in hand, beside those that wait for longer.
    pub fn holds(&self, accepted_at: impl Iterator<Item = OffsetDateTime>) {
        let oldest = accepted_at.map(millis).min().unwrap_or(NONE);
        self.seen.fetch_min(oldest, Ordering::Relaxed);
        self.oldest.store(oldest, Ordering::Relaxed);
    }

    /// Those of a batch that was begun and ended between two looks count as well, or a flood would
    /// seem to be without age whenever somebody looks between two batches.
    fn look(&self) -> i64 {
        let oldest = self.oldest.load(Ordering::Relaxed);
        self.seen.swap(oldest, Ordering::Relaxed).min(oldest)
    }
}

fn millis(at: OffsetDateTime) -> i64 {
    i64::try_from(at.unix_timestamp_nanos() / 1_000_000).unwrap_or(NONE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::Duration;

    #[test]
    fn the_oldest_of_all_lanes_counts_until_it_is_done_and_looked_at_once() {
        let now = OffsetDateTime::now_utc();
        let ages = InFlightAges::default();
        let (one, other) = (ages.hand(), ages.hand());
        assert_eq!(ages.look(), 0.0);
        one.holds([now - Duration::seconds(60), now].into_iter());
        other.holds([now - Duration::seconds(90)].into_iter());
        assert!((90.0..95.0).contains(&ages.look()));
        other.holds(std::iter::empty());
        assert!((90.0..95.0).contains(&ages.look()), "it was there a moment ago");
        assert!((60.0..65.0).contains(&ages.look()));
        one.holds([now + Duration::hours(1)].into_iter());
        ages.look();
        assert_eq!(ages.look(), 0.0, "a publisher's clock may be ahead");
    }
}
