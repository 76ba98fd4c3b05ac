//! Poison suspects: jobs that failed alone while no other job changed anything, or that could not be
//! dead-lettered yet. They are retried once a second, a few at a time, so that they hold nobody up, and
//! all together once they come through.

use crate::worker::batch::delivery::Delivery;
use std::collections::VecDeque;
use std::time::Duration;
use time::OffsetDateTime;
use tokio::time::{Instant, sleep_until};

/// How long suspects wait for another job to prove them guilty, or for the database.
const PAUSE: Duration = Duration::from_secs(1);
/// How many are retried at once while they fail: each failure alone costs several attempts.
const FEW: usize = 10;

/// The suspects of a session, those that have waited longest first.
pub(crate) struct PoisonSuspects {
    deliveries: VecDeque<Delivery>,
    at_once: usize,
    due: Instant,
    has_proof: bool,
}

impl PoisonSuspects {
    pub(crate) fn none() -> Self {
        Self { deliveries: VecDeque::new(), at_once: FEW, due: Instant::now(), has_proof: false }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.deliveries.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.deliveries.len()
    }

    /// When the oldest of their jobs was accepted.
    pub(crate) fn oldest(&self) -> Option<OffsetDateTime> {
        self.deliveries.iter().filter_map(Delivery::accepted_at).min()
    }

    /// Another job has changed something: a job that fails now is at fault itself.
    pub(crate) fn add_proof(&mut self) {
        self.has_proof = true;
    }

    /// Whether another job has changed something since the last suspect failed.
    pub(crate) fn has_proof(&self) -> bool {
        self.has_proof
    }

    /// One that failed just now: whatever other jobs did before proves nothing against it.
    pub(crate) fn add_failed(&mut self, delivery: Delivery) {
        self.has_proof = false;
        self.retry_later(delivery);
    }

    /// One that only has to wait.
    pub(crate) fn retry_later(&mut self, delivery: Delivery) {
        self.at_once = FEW;
        self.due = Instant::now() + PAUSE;
        self.deliveries.push_back(delivery);
    }

    /// Waits until some of them are to be retried.
    pub(crate) async fn due(&self) {
        sleep_until(self.due).await;
    }

    /// Those that are to be retried now. Unless one comes back, more are next.
    pub(crate) fn take(&mut self) -> Vec<Delivery> {
        let count = self.at_once.min(self.deliveries.len());
        self.at_once = self.at_once.saturating_mul(4);
        self.deliveries.drain(..count).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::worker::batch::fixtures::{accepted_at, delivered, tags};
    use futures_util::FutureExt as _;
    use tokio::time::advance;

    fn is_due(suspects: &PoisonSuspects) -> bool {
        suspects.due().now_or_never().is_some()
    }

    fn of(tags: std::ops::Range<u64>) -> PoisonSuspects {
        let mut suspects = PoisonSuspects::none();
        tags.for_each(|tag| suspects.add_failed(delivered(tag, 0)));
        suspects
    }

    #[tokio::test(start_paused = true)]
    async fn proof_holds_until_the_next_one_fails() {
        let mut suspects = PoisonSuspects::none();
        assert!(!suspects.has_proof());
        suspects.add_failed(delivered(1, 0));
        assert!(!suspects.has_proof());
        suspects.add_proof();
        suspects.retry_later(delivered(2, 0));
        assert!(suspects.has_proof(), "that one did not fail");
        suspects.add_failed(delivered(3, 0));
        assert!(!suspects.has_proof());
    }

    #[tokio::test(start_paused = true)]
    async fn they_are_due_a_second_after_the_last_of_them_came() {
        let mut suspects = of(1..2);
        assert!(!is_due(&suspects));
        advance(Duration::from_millis(600)).await;
        suspects.retry_later(delivered(2, 0));
        advance(Duration::from_millis(600)).await;
        assert!(!is_due(&suspects));
        advance(Duration::from_millis(400)).await;
        assert!(is_due(&suspects));
    }

    #[tokio::test(start_paused = true)]
    async fn few_are_retried_at_once_and_more_only_while_none_comes_back() {
        let mut suspects = of(0..300);
        assert_eq!(tags(suspects.take()), Vec::from_iter(0..10), "the oldest first");
        assert_eq!(suspects.take().len(), 40);
        assert_eq!(suspects.take().len(), 160);
        suspects.add_failed(delivered(1, 0));
        assert_eq!(suspects.take().len(), 10);
        assert_eq!((suspects.take().len(), suspects.take().len()), (40, 41));
        assert!(suspects.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn the_oldest_is_found_wherever_it_stands() {
        assert_eq!(PoisonSuspects::none().oldest(), None);
        let suspects = of(3..6);
        assert_eq!((suspects.len(), suspects.oldest()), (3, Some(accepted_at(3))));
    }
}
