//! Gathering: take what has arrived, up to a bound, and wait for no more. A lone job is not
//! delayed, and a flood is handled hundreds at a time.

use crate::broker::consume::consumer::Consumer;
use crate::broker::{self, BrokerError};
use crate::worker::batch::delivery::Delivery;
use crate::worker::redelivery::deferred::DeferredRedeliveries;
use std::future::poll_fn;
use std::task::{Context, Poll};

/// Units that the jobs of one batch may ask for together: each may be a code to load and an event to
/// publish.
const UNITS_MAX: i64 = 20_000;

/// Gathers batches from a consumer.
pub struct Gatherer {
    jobs_max: usize,
    /// Taken from the consumer, but not fit for the batch before.
    next: Option<Delivery>,
    /// Taken from the consumer, to be tried after all others.
    deferred: DeferredRedeliveries,
    /// The end of the consumer, met while there was still a batch to return.
    ended: Option<BrokerError>,
}

impl Gatherer {
    /// With a bound on the jobs of a batch.
    pub fn new(jobs_max: usize) -> Self {
        Self {
            jobs_max: jobs_max.max(1),
            next: None,
            deferred: DeferredRedeliveries::none(),
            ended: None,
        }
    }

    /// Waits for the first delivery, then takes along what else has arrived. Dropping the future
    /// loses nothing: it is pending only while it holds nothing. What is deferred comes after all else.
    ///
    /// # Errors
    /// When the consumer is done for; what was gathered before is returned first.
    pub async fn gather(&mut self, consumer: &mut Consumer) -> broker::Result<Vec<Delivery>> {
        poll_fn(|cx| {
            if let Some(delivery) = self.deferred.take_overdue() {
                return Poll::Ready(Ok(vec![delivery]));
            }
            let mut batch: Vec<Delivery> = Vec::new();
            let mut units = 0;
            while batch.len() < self.jobs_max {
                let delivery = match self.poll_item(consumer, cx) {
                    Poll::Ready(Ok(delivery)) => delivery,
                    Poll::Ready(Err(error)) if batch.is_empty() => {
                        let Some(delivery) = self.deferred.take() else {
                            return Poll::Ready(Err(error));
                        };
                        self.ended = Some(error);
                        return Poll::Ready(Ok(vec![delivery]));
                    }
                    Poll::Pending if batch.is_empty() => {
                        return self.deferred.poll_quiet(cx).map(|delivery| Ok(vec![delivery]));
                    }
                    Poll::Ready(Err(error)) => {
                        self.ended = Some(error);
                        break;
                    }
                    Poll::Pending => break,
                };
                units += delivery.units();
                let alone = delivery.policy().goes_alone;
                if !batch.is_empty() && (alone || units > UNITS_MAX) {
                    self.next = Some(delivery);
                    break;
                }
                batch.push(delivery);
                if alone {
                    break;
                }
            }
            // Two queues, and consumers that follow one another, have their own buffers.
            batch.sort_by_key(|delivery| delivery.received.tag);
            Poll::Ready(Ok(batch))
        })
        .await
    }

    /// What has arrived and was given to nobody.
    pub fn rest(&mut self, consumer: &mut Consumer) -> Vec<Delivery> {
        let mut rest = self.deferred.take_all();
        rest.extend(self.next.take());
        rest.extend(consumer.rest().into_iter().map(Delivery::read));
        rest
    }

    fn poll_item(
        &mut self,
        consumer: &mut Consumer,
        cx: &mut Context<'_>,
    ) -> Poll<broker::Result<Delivery>> {
        if let Some(delivery) = self.next.take() {
            return Poll::Ready(Ok(delivery));
        }
        if let Some(error) = self.ended.take() {
            return Poll::Ready(Err(error));
        }
        loop {
            match consumer.poll_next(cx) {
                Poll::Ready(Ok(received)) => {
                    if let Some(delivery) = self.deferred.admit(Delivery::read(received)) {
                        return Poll::Ready(Ok(delivery));
                    }
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}
