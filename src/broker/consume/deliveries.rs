//! What the consumers of a channel deliver, as one stream that knows its end.

use futures_util::stream::{self, SelectAll, Stream, StreamExt as _};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// The items of one consumer, and a none when it has ended.
type UntilEnd<T> = Pin<Box<dyn Stream<Item = Option<T>> + Send + Sync>>;

/// The merged streams of one or more consumers.
pub(super) struct Deliveries<T> {
    consumers: SelectAll<UntilEnd<T>>,
    /// Consumers that were told to end and have not yet. Any other end is a fault.
    ending: usize,
}

impl<T> Default for Deliveries<T> {
    fn default() -> Self {
        Self { consumers: SelectAll::new(), ending: 0 }
    }
}

impl<T: 'static> Deliveries<T> {
    /// Adds a consumer. Its stream ends once and then hangs for ever, and merged streams would not tell
    /// that one of them has ended: so the end becomes an item.
    pub(super) fn add(&mut self, consumer: impl Stream<Item = T> + Send + Sync + 'static) {
        self.consumers.push(Box::pin(consumer.map(Some).chain(stream::once(async { None }))));
    }

    /// As many of the consumers were told to end; what they still hold comes before their ends.
    pub(super) fn expect_ends(&mut self, consumers: usize) {
        self.ending += consumers;
    }

    /// The next item; none when all consumers have ended, or one of its own accord.
    pub(super) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        loop {
            match ready!(self.consumers.poll_next_unpin(cx)) {
                Some(Some(item)) => return Poll::Ready(Some(item)),
                Some(None) if self.ending > 0 => self.ending -= 1,
                Some(None) | None => return Poll::Ready(None),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::task::Waker;

    fn poll(deliveries: &mut Deliveries<u32>) -> Poll<Option<u32>> {
        deliveries.poll_next(&mut Context::from_waker(Waker::noop()))
    }

    /// A consumer that delivers these and ends; like the library's, it can't be polled after that.
    fn ended(items: &[u32]) -> impl Stream<Item = u32> + Send + Sync + 'static {
        stream::iter(items.to_vec())
    }

    /// A consumer that delivers these and stays.
    fn open(items: &[u32]) -> impl Stream<Item = u32> + Send + Sync + 'static {
        ended(items).chain(stream::pending())
    }

    #[test]
    fn an_end_that_nobody_asked_for_ends_all() {
        let mut deliveries = Deliveries::default();
        deliveries.add(open(&[]));
        deliveries.add(ended(&[1]));
        assert_eq!(poll(&mut deliveries), Poll::Ready(Some(1)));
        assert_eq!(poll(&mut deliveries), Poll::Ready(None));
    }

    #[test]
    fn consumers_that_are_replaced_end_without_a_fault() {
        let mut deliveries = Deliveries::default();
        deliveries.add(ended(&[1]));
        deliveries.add(ended(&[]));
        deliveries.expect_ends(2);
        deliveries.add(open(&[2]));
        let mut taken = Vec::new();
        while let Poll::Ready(item) = poll(&mut deliveries) {
            taken.push(item.expect("no end"));
        }
        taken.sort_unstable();
        assert_eq!(taken, [1, 2]);
    }

    #[test]
    fn one_that_ends_after_the_replaced_ones_is_a_fault_again() {
        let mut deliveries = Deliveries::default();
        deliveries.add(ended(&[]));
        deliveries.expect_ends(1);
        deliveries.add(open(&[]));
        assert_eq!(poll(&mut deliveries), Poll::Pending);
        deliveries.add(ended(&[]));
        assert_eq!(poll(&mut deliveries), Poll::Ready(None));
    }

    #[test]
    fn after_a_cancel_all_that_was_sent_comes_before_the_end() {
        let mut deliveries = Deliveries::default();
        deliveries.add(ended(&[1]));
        deliveries.add(ended(&[2, 3, 4]));
        deliveries.expect_ends(2);
        let mut taken = Vec::new();
        while let Poll::Ready(Some(item)) = poll(&mut deliveries) {
            taken.push(item);
        }
        taken.sort_unstable();
        assert_eq!(taken, [1, 2, 3, 4]);
        assert_eq!(poll(&mut deliveries), Poll::Ready(None));
    }

    #[test]
    fn without_consumers_there_is_an_end() {
        assert_eq!(poll(&mut Deliveries::default()), Poll::Ready(None));
    }
}
