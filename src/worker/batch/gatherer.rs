//! Gathers batches: takes what has arrived, up to a bound, and waits for no more. A lone job is not
//! delayed, and a flood is handled hundreds at a time; clients take turns.

use crate::broker::{self, BrokerError};
use crate::worker::batch::builder::BatchBuilder;
use crate::worker::batch::delivery::Delivery;
use crate::worker::batch::incoming::Incoming;
use crate::worker::batch::turns::Turns;
use crate::worker::redelivery::deferred::DeferredRedeliveries;
use std::future::poll_fn;
use std::task::{Context, Poll};
use time::OffsetDateTime;

pub(crate) struct Gatherer {
    jobs_max: usize,
    /// Taken, and in no batch yet.
    turns: Turns,
    /// Taken, to be tried after all others.
    deferred: DeferredRedeliveries,
    /// The end, met while there was still something to return.
    ended: Option<BrokerError>,
}

impl Gatherer {
    /// With a bound on the jobs of a batch, which has one at least.
    pub(crate) fn new(jobs_max: usize) -> Self {
        Self {
            jobs_max,
            turns: Turns::default(),
            deferred: DeferredRedeliveries::none(),
            ended: None,
        }
    }

    /// Waits for the first delivery, then adds what else has arrived; deferred redeliveries come after all
    /// others. Dropping the future loses nothing: what it has taken stays here.
    ///
    /// # Errors
    /// The end of the consumer; what was gathered before is returned first.
    pub(crate) async fn gather(
        &mut self,
        incoming: &mut impl Incoming,
    ) -> broker::Result<Vec<Delivery>> {
        poll_fn(|cx| self.poll_batch(incoming, cx)).await
    }

    /// When the oldest of the jobs were accepted that are in no batch yet.
    pub(crate) fn oldest(&self) -> impl Iterator<Item = OffsetDateTime> {
        self.turns.oldest()
    }

    fn poll_batch(
        &mut self,
        incoming: &mut impl Incoming,
        cx: &mut Context<'_>,
    ) -> Poll<broker::Result<Vec<Delivery>>> {
        if let Some(delivery) = self.deferred.take_overdue() {
            return Poll::Ready(Ok(vec![delivery]));
        }
        self.take_arrived(incoming, cx);
        if !self.turns.is_empty() {
            let mut batch = BatchBuilder::new(self.jobs_max);
            self.turns.fill(&mut batch);
            return Poll::Ready(Ok(batch.finish()));
        }
        if self.ended.is_none() {
            return self.deferred.poll_quiet(cx).map(|delivery| Ok(vec![delivery]));
        }
        match self.deferred.take() {
            Some(delivery) => Poll::Ready(Ok(vec![delivery])),
            None => Poll::Ready(Err(self.ended.take().expect("it has ended"))),
        }
    }

    fn take_arrived(&mut self, incoming: &mut impl Incoming, cx: &mut Context<'_>) {
        while self.ended.is_none() {
            match incoming.poll_next(cx) {
                Poll::Ready(Ok(received)) => {
                    if let Some(delivery) = self.deferred.admit(Delivery::read(received)) {
                        self.turns.add(delivery);
                    }
                }
                Poll::Ready(Err(error)) => self.ended = Some(error),
                Poll::Pending => return,
            }
        }
    }
}

#[cfg(test)]
mod tests;
