use super::*;
use crate::broker::Result;
use crate::broker::consume::received::Received;
use crate::worker::batch::fixtures::{body, received};
use futures_util::FutureExt as _;
use std::collections::VecDeque;
use std::time::Duration;
use tokio::time::Instant;

/// What has arrived, and then nothing, or the end once and nothing after it.
#[derive(Default)]
struct Arrived {
    deliveries: VecDeque<Received>,
    has_ended: bool,
}

impl Incoming for Arrived {
    fn poll_next(&mut self, _: &mut Context<'_>) -> Poll<Result<Received>> {
        match self.deliveries.pop_front() {
            Some(received) => Poll::Ready(Ok(received)),
            None if std::mem::take(&mut self.has_ended) => {
                Poll::Ready(Err(BrokerError::ConsumerEnded))
            }
            None => Poll::Pending,
        }
    }
}

/// Deliveries by tag, with how often each came before.
fn arrived(deliveries: impl IntoIterator<Item = (u64, i64)>) -> Arrived {
    let one = |(tag, count)| received(tag, count, body("mug", "ann", 1));
    Arrived { deliveries: deliveries.into_iter().map(one).collect(), has_ended: false }
}

/// Tags of the next batch; none while the gatherer waits.
fn now(gatherer: &mut Gatherer, incoming: &mut Arrived) -> Option<Vec<u64>> {
    let batch = gatherer.gather(incoming).now_or_never()?;
    Some(tags(batch.expect("no end")))
}

fn tags(batch: Vec<Delivery>) -> Vec<u64> {
    batch.into_iter().map(|delivery| delivery.received.tag).collect()
}

#[tokio::test(start_paused = true)]
async fn all_that_has_arrived_is_one_batch_and_nothing_more_is_waited_for() {
    let (mut gatherer, mut incoming) = (Gatherer::new(500), arrived([]));
    assert_eq!(now(&mut gatherer, &mut incoming), None);
    incoming = arrived([(1, 0), (2, 0), (3, 0)]);
    assert_eq!(now(&mut gatherer, &mut incoming), Some(vec![1, 2, 3]));
    assert_eq!(now(&mut gatherer, &mut incoming), None);
}

#[tokio::test(start_paused = true)]
async fn a_batch_ends_at_its_bound_of_jobs_which_is_one_at_least() {
    let (mut gatherer, mut incoming) = (Gatherer::new(2), arrived([(1, 0), (2, 0), (3, 0)]));
    assert_eq!(now(&mut gatherer, &mut incoming), Some(vec![1, 2]));
    assert_eq!(now(&mut gatherer, &mut incoming), Some(vec![3]));
    assert_eq!(now(&mut Gatherer::new(0), &mut arrived([(1, 0), (2, 0)])), Some(vec![1]));
}

#[tokio::test(start_paused = true)]
async fn a_batch_ends_at_its_bound_of_units() {
    let units = [1_000, 1_000, 1, 1_000, 999, 10_000, 1].map(|units| body("mug", "ann", units));
    let deliveries = (1..).zip(units).map(|(tag, body)| received(tag, 0, body)).collect();
    let (mut gatherer, mut incoming) =
        (Gatherer::new(500), Arrived { deliveries, has_ended: false });
    for expected in [vec![1, 2], vec![3, 4, 5], vec![6], vec![7]] {
        assert_eq!(now(&mut gatherer, &mut incoming), Some(expected));
    }
}

#[tokio::test(start_paused = true)]
async fn what_came_before_goes_alone_and_neither_delays_nor_overtakes_its_neighbours() {
    let mut incoming = arrived([(1, 0), (2, 1), (3, 1), (4, 0), (5, 0)]);
    let mut gatherer = Gatherer::new(500);
    for expected in [vec![1], vec![2], vec![3], vec![4, 5]] {
        assert_eq!(now(&mut gatherer, &mut incoming), Some(expected));
    }
}

#[tokio::test(start_paused = true)]
async fn a_batch_is_in_the_order_of_tags_whatever_buffers_they_came_from() {
    let mut incoming = arrived([(2, 0), (4, 0), (1, 0), (3, 0)]);
    assert_eq!(now(&mut Gatherer::new(500), &mut incoming), Some(vec![1, 2, 3, 4]));
}

#[tokio::test(start_paused = true)]
async fn deferred_redeliveries_come_alone_once_nothing_else_has_come_for_a_while() {
    let (mut gatherer, mut incoming) = (Gatherer::new(500), arrived([(1, 3), (2, 0), (3, 2)]));
    assert_eq!(now(&mut gatherer, &mut incoming), Some(vec![2]));
    assert_eq!(now(&mut gatherer, &mut incoming), None);
    let begun = Instant::now();
    for expected in [vec![3], vec![1]] {
        let batch = gatherer.gather(&mut incoming).await.expect("no end");
        assert_eq!(tags(batch), expected, "the one that came less often first");
    }
    assert!((250..260).contains(&begun.elapsed().as_millis()), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_deferred_redelivery_goes_between_others_that_never_end() {
    let (mut gatherer, mut incoming) = (Gatherer::new(1), arrived([(1, 2), (2, 0)]));
    assert_eq!(now(&mut gatherer, &mut incoming), Some(vec![2]));
    tokio::time::advance(Duration::from_secs(2)).await;
    incoming = arrived([(3, 0)]);
    assert_eq!(now(&mut gatherer, &mut incoming), Some(vec![1]));
    assert_eq!(now(&mut gatherer, &mut incoming), Some(vec![3]));
}

#[tokio::test(start_paused = true)]
async fn the_end_comes_after_all_that_was_gathered_before() {
    let (mut gatherer, mut incoming) = (Gatherer::new(500), arrived([(1, 2), (2, 0), (3, 1)]));
    incoming.has_ended = true;
    for expected in [vec![2], vec![3], vec![1]] {
        assert_eq!(now(&mut gatherer, &mut incoming), Some(expected));
    }
    let end = gatherer.gather(&mut incoming).await;
    assert!(matches!(end, Err(BrokerError::ConsumerEnded)), "{end:?}");
}

#[tokio::test(start_paused = true)]
async fn an_end_that_is_met_while_a_batch_fills_is_told_after_it() {
    let (mut gatherer, mut incoming) = (Gatherer::new(500), arrived([(1, 0)]));
    incoming.has_ended = true;
    assert_eq!(now(&mut gatherer, &mut incoming), Some(vec![1]));
    let end = gatherer.gather(&mut incoming).now_or_never();
    assert!(matches!(end, Some(Err(BrokerError::ConsumerEnded))), "{end:?}");
}
