//! How a session begins: with little in hand, for whatever ends it is charged to all that it has been
//! sent, tried or not. What came before goes alone, which takes its time; sent by the hundred, those
//! at the end would be charged again with each fault and never be tried.

use crate::broker::consume::received::Received;
use crate::broker::topology::lanes::Source;
use crate::broker::{BrokerError, Result};
use crate::worker::batch::delivery::Delivery;
use crate::worker::lane::{GOES_WELL_AFTER, IDLE, Lane, Start, record_consuming};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

/// Rounds of one delivery a queue, while what they bring had come before.
const SINGLY: u16 = 20;
/// Deliveries sent ahead after those, until one was decided that had not come before.
const AHEAD_AT_FIRST: u16 = 50;
/// Deliveries before this one from which a lane is taken one by one. Its prefetch can't be changed
/// without handing it on to another worker, so a few are borne first.
const LANE_ATTEMPTS: i64 = 5;

/// What a session is sent ahead.
pub(super) struct Prefetch {
    /// Deliveries to one consumer, once it goes well.
    full: u16,
    /// Until when they are fewer.
    careful_until: Option<Instant>,
}

impl Prefetch {
    /// As many, from the beginning.
    pub(super) fn of(full: u16) -> Self {
        Self { full, careful_until: None }
    }

    /// What the broker is to send ahead now.
    pub(super) fn now(&self) -> u16 {
        if self.is_careful() { self.full.min(AHEAD_AT_FIRST) } else { self.full }
    }

    /// Whether that is less than it could be.
    pub(super) fn is_careful(&self) -> bool {
        self.careful_until.is_some()
    }

    fn be_careful(&mut self) {
        self.careful_until = Some(Instant::now() + GOES_WELL_AFTER);
    }

    /// A job was decided that had not come before.
    pub(super) fn goes_well(&mut self) {
        if self.is_careful() {
            self.careful_until = Some(Instant::now());
        }
    }

    /// Waits for the end of care.
    pub(super) async fn grows(&self) {
        if let Some(until) = self.careful_until {
            sleep_until(until).await;
        }
    }
}

impl Lane {
    /// From nothing in hand to what is sent ahead.
    pub(super) async fn begin(&mut self, start: Start, stop: &CancellationToken) -> Result<()> {
        match self.context.source {
            Source::Common => {
                record_consuming(&self.context, true);
                self.take_firsts(start, stop).await?;
                self.consumer.consume(self.ahead.now()).await?;
            }
            Source::Lane(_) if start == Start::OneByOne => self.take_singly(stop).await?,
            Source::Lane(_) => {
                self.consumer.consume(self.ahead.now()).await?;
                record_consuming(&self.context, true);
                return self.look_twice(stop).await;
            }
        }
        record_consuming(&self.context, true);
        Ok(())
    }

    /// All that may be sent ahead from now on.
    pub(super) async fn send_all_ahead(&mut self) -> Result<()> {
        self.ahead.careful_until = None;
        self.consumer.consume_anew(self.ahead.now()).await
    }

    /// The oldest deliveries of each queue alone: if one of them is what ended the session before this
    /// one, it shall end this one alone.
    async fn take_firsts(&mut self, start: Start, stop: &CancellationToken) -> Result<()> {
        let mut rounds = if start == Start::OneByOne { self.ahead.now() } else { 1 };
        while rounds > 0 && !stop.is_cancelled() {
            match self.take_first(stop).await? {
                Head::Empty => break,
                Head::Repeated if !self.ahead.is_careful() => {
                    self.ahead.be_careful();
                    rounds = rounds.max(SINGLY);
                }
                Head::Fresh if start == Start::Usual => break,
                Head::Fresh | Head::Repeated => {}
            }
            rounds -= 1;
        }
        Ok(())
    }

    /// One delivery of each queue, all the way to its settlement.
    async fn take_first(&mut self, stop: &CancellationToken) -> Result<Head> {
        let mut head = Head::Empty;
        for queue in self.consumer.queues().to_vec() {
            let Some(received) = self.consumer.first(&queue).await? else { continue };
            head = head.max(if received.delivery_count > 0 { Head::Repeated } else { Head::Fresh });
            self.take_alone(received, stop).await?;
        }
        Ok(head)
    }

    /// One delivery, all the way to its settlement, unless it has to wait for something else.
    async fn take_alone(&mut self, received: Received, stop: &CancellationToken) -> Result<()> {
        let settler = self.consumer.settler();
        self.process(vec![Delivery::read(received)], stop).await?;
        if self.suspects.is_empty() && self.waiting.is_empty() {
            tokio::select! {
                () = settler.came_through() => {}
                () = self.sender.closed() => {}
                () = stop.cancelled() => {}
            }
        }
        Ok(())
    }

    /// One by one for a lane, whose broker sends to its one consumer only: as many deliveries as had
    /// been sent ahead, each sent when the one before is settled.
    async fn take_singly(&mut self, stop: &CancellationToken) -> Result<()> {
        self.consumer.consume(1).await?;
        for _ in 0..self.ahead.now() {
            // Not gathered: nothing else can come that would have to go first.
            tokio::select! {
                received = self.consumer.next() => self.take_alone(received?, stop).await?,
                () = tokio::time::sleep(IDLE) => break,
                () = self.sender.closed() => break,
                () = stop.cancelled() => break,
            }
        }
        self.consumer.consume_anew(self.ahead.now()).await
    }

    /// The first batch of a lane. If the best of what was sent has come again and again, the session
    /// ends and another takes it one by one.
    ///
    /// # Errors
    /// That end.
    async fn look_twice(&mut self, stop: &CancellationToken) -> Result<()> {
        let batch = tokio::select! {
            batch = self.gatherer.gather(&mut self.consumer) => batch?,
            () = stop.cancelled() => return Ok(()),
            () = self.sender.closed() => return Ok(()),
        };
        match batch.first().map(|delivery| delivery.received.delivery_count) {
            Some(attempts) if attempts >= LANE_ATTEMPTS => {
                self.given_up.extend(batch);
                Err(BrokerError::SentOften(attempts))
            }
            _ => self.process(batch, stop).await,
        }
    }
}

/// What stood at the head of the queues.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Head {
    Empty,
    Fresh,
    Repeated,
}
