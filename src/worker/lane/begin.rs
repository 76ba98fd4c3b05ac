//! A session begins: redeliveries one at a time and all the way to their settlement, then as many as
//! [`Prefetch`](super::prefetch::Prefetch) allows.

use crate::broker::consume::received::Received;
use crate::broker::topology::lanes::Source;
use crate::broker::{BrokerError, Result};
use crate::worker::batch::delivery::Delivery;
use crate::worker::lane::start::{FirstRounds, Round, Start};
use crate::worker::lane::state::Lane;
use crate::worker::metrics::lane::record_consuming;
use crate::worker::redelivery::policy::policy;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How long a queue must send nothing before it is taken to be empty.
const QUIET: Duration = Duration::from_millis(250);

impl Lane {
    /// Begins to consume.
    pub(super) async fn begin(&mut self, start: Start, stop: &CancellationToken) -> Result<()> {
        match (self.context.source, start) {
            (Source::Common | Source::DeadLetters, _) => {
                record_consuming(&self.context, true);
                self.take_first_rounds(start, stop).await?;
                self.consumer.consume(self.prefetch.count()).await
            }
            (Source::Lane(_), Start::Usual) => {
                self.consumer.consume(self.prefetch.count()).await?;
                record_consuming(&self.context, true);
                self.take_first_batch(stop).await
            }
            (Source::Lane(_), Start::OneByOne) => {
                self.take_one_by_one(stop).await?;
                record_consuming(&self.context, true);
                Ok(())
            }
        }
    }

    /// The oldest deliveries of each queue alone: if one of them is what ended the session before this
    /// one, it shall end this one alone.
    async fn take_first_rounds(&mut self, start: Start, stop: &CancellationToken) -> Result<()> {
        let mut rounds = FirstRounds::new(start, self.prefetch.count());
        while !rounds.is_over() && !stop.is_cancelled() {
            let round = self.take_round(stop).await?;
            rounds.met(round);
        }
        Ok(())
    }

    /// One delivery of each queue.
    async fn take_round(&mut self, stop: &CancellationToken) -> Result<Round> {
        let mut round = Round::Empty;
        for queue in self.consumer.queues().to_vec() {
            let Some(received) = self.consumer.first(&queue).await? else { continue };
            let is_redelivered = policy(received.delivery_count).goes_alone;
            round = round.max(if is_redelivered { Round::Redelivered } else { Round::First });
            self.take_alone(received, stop).await?;
        }
        if round == Round::Redelivered {
            self.prefetch.be_careful();
        }
        Ok(round)
    }

    /// One delivery, all the way to its settlement, unless it has to wait for something else.
    async fn take_alone(&mut self, received: Received, stop: &CancellationToken) -> Result<()> {
        self.process(vec![Delivery::read(received)], stop).await?;
        if self.suspects.is_empty() && self.parked.is_empty() {
            tokio::select! {
                () = self.publishing.window_done() => {}
                () = self.publishing.ended() => {}
                () = stop.cancelled() => {}
            }
        }
        Ok(())
    }

    /// As many deliveries as fill a prefetch, each sent when the one before is settled. A lane's broker
    /// sends to its one consumer only, so they can't be fetched.
    async fn take_one_by_one(&mut self, stop: &CancellationToken) -> Result<()> {
        self.consumer.consume(1).await?;
        for _ in 0..self.prefetch.count() {
            // Not gathered: nothing else can arrive that would have to go first.
            tokio::select! {
                received = self.consumer.next() => self.take_alone(received?, stop).await?,
                () = tokio::time::sleep(QUIET) => break,
                () = self.publishing.ended() => break,
                () = stop.cancelled() => break,
            }
        }
        self.consumer.consume_anew(self.prefetch.count()).await
    }

    /// The first batch of a lane. If the best of what was sent was delivered often, the session ends and
    /// another takes it one by one.
    ///
    /// # Errors
    /// That end.
    async fn take_first_batch(&mut self, stop: &CancellationToken) -> Result<()> {
        let batch = tokio::select! {
            batch = self.gatherer.gather(&mut self.consumer) => batch?,
            () = stop.cancelled() => return Ok(()),
            () = self.publishing.ended() => return Ok(()),
        };
        match batch.first().map(|delivery| delivery.received.delivery_count) {
            Some(delivery_count) if policy(delivery_count).is_consumed_singly => {
                Err(BrokerError::SentOften(delivery_count))
            }
            _ => self.process(batch, stop).await,
        }
    }
}
