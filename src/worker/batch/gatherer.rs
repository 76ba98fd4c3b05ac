//! Gathers batches: takes what has arrived, up to a bound, and waits for no more. A lone job is not
//! delayed, and a flood is handled hundreds at a time.

use crate::broker::{self, BrokerError};
use crate::worker::batch::builder::BatchBuilder;
use crate::worker::batch::delivery::Delivery;
use crate::worker::batch::incoming::Incoming;
use crate::worker::redelivery::deferred::DeferredRedeliveries;
use std::future::poll_fn;
use std::task::{Context, Poll};

pub(crate) struct Gatherer {
    jobs_max: usize,
    /// Taken, but not fit for the batch before.
    next: Option<Delivery>,
    /// Taken, to be tried after all others.
    deferred: DeferredRedeliveries,
    /// The end, met while there was still a batch to return.
    ended: Option<BrokerError>,
}

impl Gatherer {
    /// With a bound on the jobs of a batch, which has one at least.
    pub(crate) fn new(jobs_max: usize) -> Self {
        Self { jobs_max, next: None, deferred: DeferredRedeliveries::none(), ended: None }
    }

    /// Waits for the first delivery, then adds what else has arrived; deferred redeliveries come after all
    /// others. Dropping the future loses nothing: it is pending only while it holds nothing.
    ///
    /// # Errors
    /// The end of the consumer; what was gathered before is returned first.
    pub(crate) async fn gather(
        &mut self,
        incoming: &mut impl Incoming,
    ) -> broker::Result<Vec<Delivery>> {
        poll_fn(|cx| self.poll_batch(incoming, cx)).await
    }

    fn poll_batch(
        &mut self,
        incoming: &mut impl Incoming,
        cx: &mut Context<'_>,
    ) -> Poll<broker::Result<Vec<Delivery>>> {
        if let Some(delivery) = self.deferred.take_overdue() {
            return Poll::Ready(Ok(vec![delivery]));
        }
        let mut batch = BatchBuilder::new(self.jobs_max);
        while !batch.is_full() {
            match self.poll_delivery(incoming, cx) {
                Poll::Ready(Ok(delivery)) => {
                    self.next = batch.add(delivery);
                    if self.next.is_some() {
                        break;
                    }
                }
                Poll::Pending if batch.is_empty() => {
                    return self.deferred.poll_quiet(cx).map(|delivery| Ok(vec![delivery]));
                }
                Poll::Pending => break,
                Poll::Ready(Err(error)) if batch.is_empty() => match self.deferred.take() {
                    Some(delivery) => {
                        self.ended = Some(error);
                        return Poll::Ready(Ok(vec![delivery]));
                    }
                    None => return Poll::Ready(Err(error)),
                },
                Poll::Ready(Err(error)) => {
                    self.ended = Some(error);
                    break;
                }
            }
        }
        Poll::Ready(Ok(batch.finish()))
    }

    fn poll_delivery(
        &mut self,
        incoming: &mut impl Incoming,
        cx: &mut Context<'_>,
    ) -> Poll<broker::Result<Delivery>> {
        if let Some(delivery) = self.next.take() {
            return Poll::Ready(Ok(delivery));
        }
        if let Some(error) = self.ended.take() {
            return Poll::Ready(Err(error));
        }
        loop {
            match incoming.poll_next(cx) {
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

#[cfg(test)]
mod tests;
