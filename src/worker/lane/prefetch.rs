//! How many deliveries a session prefetches. It begins with few, for whatever ends it is charged to
//! all that it was sent, tried or not. Redeliveries go alone, which takes its time: sent by the hundred,
//! the last ones would be charged with each fault and never be tried.

use crate::worker::lane::restarts::STABLE_AFTER;
use tokio::time::{Instant, sleep_until};

/// The prefetch until a job was decided that had not been delivered before.
const CAREFUL: u16 = 50;
/// Most consumers that a session opens on top of one another, each with a prefetch of its own.
const CONSUMERS_MAX: usize = 10;

/// What a session prefetches.
#[derive(Debug)]
pub(super) struct Prefetch {
    /// Deliveries to one consumer of a queue.
    full: u16,
    /// Until when they are fewer.
    careful_until: Option<Instant>,
    /// Consumers of each queue, one after another; all but the last have only parked jobs.
    consumers: usize,
}

impl Prefetch {
    /// The full prefetch, from the beginning.
    pub(super) fn new(full: u16) -> Self {
        Self { full, careful_until: None, consumers: 1 }
    }

    /// Deliveries that the broker is to send ahead to a consumer that begins now.
    pub(super) fn count(&self) -> u16 {
        if self.is_careful() { self.full.min(CAREFUL) } else { self.full }
    }

    /// Whether that is less than it could be.
    pub(super) fn is_careful(&self) -> bool {
        self.careful_until.is_some()
    }

    /// The session has met a redelivery: few are prefetched until it has proven stable.
    pub(super) fn be_careful(&mut self) {
        self.careful_until.get_or_insert_with(|| Instant::now() + STABLE_AFTER);
    }

    /// A job was decided that had not been delivered before: care may end now.
    pub(super) fn decided_first_delivery(&mut self) {
        if self.is_careful() {
            self.careful_until = Some(Instant::now());
        }
    }

    /// Waits for the end of care.
    pub(super) async fn may_grow(&self) {
        if let Some(until) = self.careful_until {
            sleep_until(until).await;
        }
    }

    /// The full prefetch, from here on.
    pub(super) fn grow(&mut self) {
        self.careful_until = None;
    }

    /// Whether parked jobs may be all that was prefetched, and another consumer may be opened.
    pub(super) fn is_filled_by(&self, parked: usize) -> bool {
        let sent_ahead = usize::from(self.count()) * self.consumers;
        self.consumers < CONSUMERS_MAX && parked > sent_ahead / 2
    }

    /// Another consumer is opened, with the full prefetch.
    pub(super) fn add_consumer(&mut self) {
        self.consumers += 1;
        self.grow();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt as _;
    use std::time::Duration;
    use tokio::time::advance;

    fn may_grow(prefetch: &Prefetch) -> bool {
        prefetch.may_grow().now_or_never().is_some()
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_full_until_a_redelivery_is_met() {
        let mut prefetch = Prefetch::new(1_500);
        assert_eq!((prefetch.count(), prefetch.is_careful()), (1_500, false));
        prefetch.be_careful();
        assert_eq!((prefetch.count(), prefetch.is_careful()), (50, true));
        assert_eq!(Prefetch { full: 3, ..prefetch }.count(), 3, "never more than the full one");
    }

    #[tokio::test(start_paused = true)]
    async fn it_grows_five_seconds_after_the_first_redelivery() {
        let mut prefetch = Prefetch::new(1_500);
        prefetch.be_careful();
        advance(Duration::from_secs(4)).await;
        prefetch.be_careful();
        assert!(!may_grow(&prefetch));
        advance(Duration::from_secs(1)).await;
        assert!(may_grow(&prefetch), "the second redelivery did not prolong it");
        prefetch.grow();
        assert_eq!((prefetch.count(), prefetch.is_careful()), (1_500, false));
    }

    #[tokio::test(start_paused = true)]
    async fn it_grows_as_soon_as_a_first_delivery_is_decided() {
        let mut prefetch = Prefetch::new(1_500);
        prefetch.decided_first_delivery();
        assert!(!prefetch.is_careful(), "there is nothing to end");
        prefetch.be_careful();
        prefetch.decided_first_delivery();
        assert!(may_grow(&prefetch));
        assert_eq!(prefetch.count(), 50, "until a consumer is opened with more");
    }

    #[tokio::test(start_paused = true)]
    async fn more_than_half_of_it_parked_fills_it() {
        let mut prefetch = Prefetch::new(100);
        assert!(!prefetch.is_filled_by(50));
        assert!(prefetch.is_filled_by(51));
        prefetch.be_careful();
        assert!(prefetch.is_filled_by(26), "half of what was prefetched, not of what could be");
    }

    #[tokio::test(start_paused = true)]
    async fn each_further_consumer_makes_room_up_to_ten() {
        let mut prefetch = Prefetch::new(100);
        prefetch.be_careful();
        prefetch.add_consumer();
        assert_eq!((prefetch.count(), prefetch.is_careful()), (100, false));
        assert!(!prefetch.is_filled_by(100));
        assert!(prefetch.is_filled_by(101));
        for _ in 2..9 {
            prefetch.add_consumer();
        }
        assert!(prefetch.is_filled_by(10_000));
        prefetch.add_consumer();
        assert!(!prefetch.is_filled_by(10_000), "ten consumers are the most");
    }
}
