//! Messages that came twice or more often without success: one of them may end the process each time.
//! Its end would be charged to all that the process holds, so they come after all others, and among
//! them first the one that was charged least, then the one that came last: what stood behind the
//! culprit the time before now stands in front of it.

use crate::worker::batch::delivery::Delivery;
use std::cmp::Reverse;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Instant, Sleep, sleep};

/// Deliveries before this one from which a message is deferred. After a first death the order of
/// arrival still holds.
const ATTEMPTS: i64 = 2;
/// How long nothing must have come: what is still on its way shall go first.
const QUIET: Duration = Duration::from_millis(250);
/// How long others may go first, and how often one goes between them then.
const PATIENCE: Duration = Duration::from_secs(2);
/// See [`PATIENCE`].
const OVERDUE_EVERY: Duration = Duration::from_millis(10);

/// The deferred messages of a session.
pub struct DeferredRedeliveries {
    deliveries: Vec<Delivery>,
    /// When all others have had their time: see [`QUIET`].
    quiet: Pin<Box<Sleep>>,
    /// Until when others go first even if they never end: see [`PATIENCE`].
    patience: Instant,
}

impl DeferredRedeliveries {
    /// With none.
    pub fn none() -> Self {
        Self { deliveries: Vec::new(), quiet: Box::pin(sleep(QUIET)), patience: Instant::now() }
    }

    /// Keeps a message back that is deferred; gives all others back.
    pub fn admit(&mut self, delivery: Delivery) -> Option<Delivery> {
        let now = Instant::now();
        let is_dubious = delivery.received.delivery_count >= ATTEMPTS;
        if is_dubious && self.deliveries.is_empty() {
            self.patience = now + PATIENCE;
        }
        // Not for more of its kind: in a long queue of them each ack brings the next, and there would
        // never be quiet.
        if !is_dubious || self.deliveries.is_empty() {
            self.quiet.as_mut().reset(now + QUIET);
        }
        if !is_dubious {
            return Some(delivery);
        }
        self.deliveries.push(delivery);
        None
    }

    /// One whose turn it is, once nothing else has come for a while.
    pub fn poll_quiet(&mut self, cx: &mut Context<'_>) -> Poll<Delivery> {
        if self.deliveries.is_empty() || self.quiet.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        self.take().map_or(Poll::Pending, Poll::Ready)
    }

    /// One whose turn it is, where others would not end; every now and then, for they go on as well.
    pub fn take_overdue(&mut self) -> Option<Delivery> {
        let now = Instant::now();
        if self.deliveries.is_empty() || now < self.patience {
            return None;
        }
        self.patience = now + OVERDUE_EVERY;
        self.take()
    }

    /// All of them.
    pub fn take_all(&mut self) -> Vec<Delivery> {
        std::mem::take(&mut self.deliveries)
    }

    /// The one whose turn it is.
    pub fn take(&mut self) -> Option<Delivery> {
        let turn = |delivery: &Delivery| {
            (delivery.received.delivery_count, Reverse(delivery.received.tag))
        };
        let at = (0..self.deliveries.len()).min_by_key(|at| turn(&self.deliveries[*at]))?;
        Some(self.deliveries.swap_remove(at))
    }
}
