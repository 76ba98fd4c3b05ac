//! Deferred redeliveries: messages that were delivered twice or more often before. One of them may end
//! the process each time, and that end is charged to all that the process holds. So they come after all
//! others, and among them first the one that was delivered least often, then the one that arrived last:
//! what stood behind the culprit the time before now stands in front of it.

use crate::worker::batch::delivery::Delivery;
use std::cmp::Reverse;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Instant, Sleep, sleep};

/// How long nothing else must have arrived: what is still on its way shall go first.
const QUIET: Duration = Duration::from_millis(250);
/// How long others may go first if they never end.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often one goes between them from then on.
const OVERDUE_EVERY: Duration = Duration::from_millis(10);

/// The deferred messages of a session.
pub(crate) struct DeferredRedeliveries {
    deliveries: Vec<Delivery>,
    /// Ends when nothing else has arrived for [`QUIET`].
    quiet: Pin<Box<Sleep>>,
    /// When the next one goes even if others have not ended: see [`PATIENCE`].
    overdue_at: Instant,
}

impl DeferredRedeliveries {
    pub(crate) fn none() -> Self {
        Self { deliveries: Vec::new(), quiet: Box::pin(sleep(QUIET)), overdue_at: Instant::now() }
    }

    /// Keeps a message back that is deferred; gives all others back.
    pub(crate) fn admit(&mut self, delivery: Delivery) -> Option<Delivery> {
        let now = Instant::now();
        let is_deferred = delivery.policy().is_deferred;
        let is_first = is_deferred && self.deliveries.is_empty();
        if is_first {
            self.overdue_at = now + PATIENCE;
        }
        // Not for more of its kind: in a long queue of them each ack brings the next, and there would
        // never be quiet.
        if is_first || !is_deferred {
            self.quiet.as_mut().reset(now + QUIET);
        }
        if !is_deferred {
            return Some(delivery);
        }
        self.deliveries.push(delivery);
        None
    }

    /// The next one, once nothing else has arrived for a while.
    pub(crate) fn poll_quiet(&mut self, cx: &mut Context<'_>) -> Poll<Delivery> {
        if self.deliveries.is_empty() || self.quiet.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        self.take().map_or(Poll::Pending, Poll::Ready)
    }

    /// The next one, where others would not end; now and then, for they go on as well.
    pub(crate) fn take_overdue(&mut self) -> Option<Delivery> {
        let now = Instant::now();
        if self.deliveries.is_empty() || now < self.overdue_at {
            return None;
        }
        self.overdue_at = now + OVERDUE_EVERY;
        self.take()
    }

    /// The next one: delivered least often, and of those the last that arrived.
    pub(crate) fn take(&mut self) -> Option<Delivery> {
        let order = |delivery: &Delivery| {
            (delivery.received.delivery_count, Reverse(delivery.received.tag))
        };
        let next = (0..self.deliveries.len()).min_by_key(|at| order(&self.deliveries[*at]))?;
        Some(self.deliveries.swap_remove(next))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::worker::batch::fixtures::{delivered, tags};
    use std::task::Waker;
    use tokio::time::advance;

    const MS: Duration = Duration::from_millis(1);

    fn next_in_quiet(deferred: &mut DeferredRedeliveries) -> Option<u64> {
        match deferred.poll_quiet(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(delivery) => Some(delivery.received.tag),
            Poll::Pending => None,
        }
    }

    /// With messages of these tags and delivery counts.
    fn with(deliveries: &[(u64, i64)]) -> DeferredRedeliveries {
        let mut deferred = DeferredRedeliveries::none();
        for (tag, delivery_count) in deliveries {
            assert!(deferred.admit(delivered(*tag, *delivery_count)).is_none());
        }
        deferred
    }

    #[tokio::test(start_paused = true)]
    async fn only_what_was_delivered_twice_before_is_kept_back() {
        let mut deferred = DeferredRedeliveries::none();
        assert!(deferred.admit(delivered(1, 0)).is_some());
        assert!(deferred.admit(delivered(2, 1)).is_some());
        assert!(deferred.admit(delivered(3, 2)).is_none());
        assert_eq!(tags(deferred.take()), [3]);
        assert!(deferred.take().is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn the_least_often_delivered_goes_first_and_of_those_the_last_that_arrived() {
        let mut deferred = with(&[(1, 3), (2, 2), (3, 4), (4, 2), (5, 3)]);
        let order: Vec<u64> = tags(std::iter::from_fn(|| deferred.take()));
        assert_eq!(order, [4, 2, 5, 1, 3]);
    }

    #[tokio::test(start_paused = true)]
    async fn it_waits_until_nothing_else_has_arrived_for_a_while() {
        let mut deferred = with(&[(1, 2)]);
        advance(249 * MS).await;
        assert_eq!(next_in_quiet(&mut deferred), None);
        assert!(deferred.admit(delivered(2, 0)).is_some());
        advance(249 * MS).await;
        assert_eq!(next_in_quiet(&mut deferred), None, "another one has arrived meanwhile");
        advance(2 * MS).await;
        assert_eq!(next_in_quiet(&mut deferred), Some(1));
        assert_eq!(next_in_quiet(&mut deferred), None, "there are no more");
    }

    #[tokio::test(start_paused = true)]
    async fn more_deferred_ones_do_not_prolong_the_wait() {
        let mut deferred = with(&[(1, 2)]);
        advance(200 * MS).await;
        assert!(deferred.admit(delivered(2, 2)).is_none());
        advance(51 * MS).await;
        assert_eq!(next_in_quiet(&mut deferred), Some(2));
        assert_eq!(next_in_quiet(&mut deferred), Some(1), "it is still quiet");
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_deferred_one_begins_the_wait() {
        let mut deferred = with(&[]);
        advance(1_000 * MS).await;
        assert!(deferred.admit(delivered(1, 2)).is_none());
        assert_eq!(next_in_quiet(&mut deferred), None);
    }

    #[tokio::test(start_paused = true)]
    async fn where_others_never_end_one_goes_between_them_after_two_seconds() {
        let mut deferred = with(&[(1, 2), (2, 2)]);
        advance(1_999 * MS).await;
        assert!(deferred.take_overdue().is_none());
        advance(MS).await;
        assert_eq!(tags(deferred.take_overdue()), [2]);
        assert!(deferred.take_overdue().is_none());
        advance(10 * MS).await;
        assert_eq!(tags(deferred.take_overdue()), [1]);
        advance(10 * MS).await;
        assert!(deferred.take_overdue().is_none(), "there are no more");
        assert!(deferred.admit(delivered(3, 2)).is_none());
        advance(10 * MS).await;
        assert!(deferred.take_overdue().is_none(), "others have their time again");
    }
}
