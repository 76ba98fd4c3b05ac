//! The age of the oldest job that waits for its decision.
//!
//! By `accepted_at` of the jobs that lanes have taken. Queues are worked off in order, so what they still
//! hold is younger, and the age of a queued message can't be read without taking it.

use crate::gauges::Gauges;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use time::OffsetDateTime;

/// No job.
const NONE: i64 = i64::MAX;

/// The ages of all lanes.
#[derive(Clone, Default)]
pub struct InFlightAges(Arc<Mutex<Vec<Arc<InFlightAge>>>>);

/// The age of one lane's jobs.
pub struct InFlightAge {
    /// When the oldest job was accepted, in Unix milliseconds.
    oldest: AtomicI64,
    /// The least of `oldest` since the last sample.
    oldest_since_sample: AtomicI64,
}

impl InFlightAges {
    /// Sets the gauge whenever metrics are read.
    pub fn measured_by(gauges: &Gauges) -> Self {
        let ages = Self::default();
        let (measured, age) = (ages.clone(), metrics::gauge!("redeemq_oldest_job_age_seconds"));
        gauges.add(move || age.set(measured.sample()));
        ages
    }

    /// For another lane.
    pub fn add(&self) -> Arc<InFlightAge> {
        let (oldest, oldest_since_sample) = (AtomicI64::new(NONE), AtomicI64::new(NONE));
        let age = Arc::new(InFlightAge { oldest, oldest_since_sample });
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&age));
        age
    }

    /// Seconds; 0 without any.
    fn sample(&self) -> f64 {
        let ages = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let oldest = ages.iter().map(|age| age.sample()).min().unwrap_or(NONE);
        if oldest == NONE {
            return 0.0;
        }
        (millis(OffsetDateTime::now_utc()) - oldest).max(0) as f64 / 1_000.0
    }
}

impl InFlightAge {
    /// The lane has these jobs now, and no others.
    pub fn set(&self, accepted_at: impl Iterator<Item = OffsetDateTime>) {
        let oldest = accepted_at.map(millis).min().unwrap_or(NONE);
        self.oldest_since_sample.fetch_min(oldest, Ordering::Relaxed);
        self.oldest.store(oldest, Ordering::Relaxed);
    }

    /// A batch that began and ended between two samples counts as well. Otherwise a flood would seem to
    /// be without age whenever a sample falls between two batches.
    fn sample(&self) -> i64 {
        let oldest = self.oldest.load(Ordering::Relaxed);
        self.oldest_since_sample.swap(oldest, Ordering::Relaxed).min(oldest)
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
    fn the_oldest_of_all_lanes_counts_until_it_is_done_and_was_sampled_once() {
        let now = OffsetDateTime::now_utc();
        let ages = InFlightAges::default();
        let (one, other) = (ages.add(), ages.add());
        assert_eq!(ages.sample(), 0.0);
        one.set([now - Duration::seconds(60), now].into_iter());
        other.set([now - Duration::seconds(90)].into_iter());
        assert!((90.0..95.0).contains(&ages.sample()));
        other.set(std::iter::empty());
        assert!((90.0..95.0).contains(&ages.sample()), "it was there a moment ago");
        assert!((60.0..65.0).contains(&ages.sample()));
        one.set([now + Duration::hours(1)].into_iter());
        ages.sample();
        assert_eq!(ages.sample(), 0.0, "a publisher's clock may be ahead");
    }
}
