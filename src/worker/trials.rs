//! What becomes of messages whose route is suspected to be silent.
//!
//! A window that was not confirmed in time says that one of its routes is silent, but not which: a queue
//! without a leader holds up everything on its channel. So the first message of each suspect is put on
//! **trial**, on a channel of its own. Routes that speak give back what waited for them. The others are
//! **silent**: what goes there is published and waited for all the same, up to bounds in number and time,
//! and then counted and settled, for it stays fetchable.

use super::laggards::Laggard;
use super::silent::SilentRoutes;
use crate::broker::alone::Alone;
use crate::broker::message::{Receipt, Route};
use crate::broker::settler::Settler;
use crate::broker::{BrokerError, Result};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval};

/// How long a message waits for its confirm in all.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long a trial takes. A queue that is merely full refuses sooner.
const TRIAL: Duration = Duration::from_secs(1);
/// How often trials are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Most messages of one silent route that are waited for.
const HELD_OF_ROUTE_MAX: usize = 100;
/// Most of all routes, whatever the prefetch: each has a channel, which the broker may not close before
/// it has given up by itself, after a minute or so. It allows 2,047 by default.
const HELD_MAX: usize = 500;

/// Keeps them until their fate is known.
pub(super) struct Keeper {
    line: Alone,
    settler: Settler,
    silent: Arc<SilentRoutes>,
    home: mpsc::UnboundedSender<Vec<Laggard>>,
    held_max: usize,
    /// Those that wait for their confirms, with how long each took.
    out: JoinSet<(Laggard, Duration, Result<Receipt>)>,
    rooms: HashMap<Route, Room>,
    /// To be acknowledged.
    settled: Vec<u64>,
}

/// What belongs to one route.
struct Room {
    state: State,
    /// Messages that wait for their confirms.
    out: usize,
    /// Messages that wait for the end of the trial.
    waiting: VecDeque<Laggard>,
}

#[derive(Clone, Copy)]
enum State {
    /// Since when, and what had been heard of other routes by then.
    Trial(Instant, u64),
    Silent,
    Speaks,
}

impl Keeper {
    pub(super) fn new(
        line: Alone,
        settler: Settler,
        silent: Arc<SilentRoutes>,
        home: mpsc::UnboundedSender<Vec<Laggard>>,
        held_max: usize,
    ) -> Self {
        Self {
            line,
            settler,
            silent,
            home,
            held_max: held_max.min(HELD_MAX),
            out: JoinSet::new(),
            rooms: HashMap::new(),
            settled: Vec::new(),
        }
    }

    /// Until no more can come.
    ///
    /// # Errors
    /// When the broker fails.
    pub(super) async fn keep(
        mut self,
        mut fresh: mpsc::UnboundedReceiver<Vec<Laggard>>,
    ) -> Result<()> {
        let mut look = interval(LOOK_EVERY);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let kept = loop {
            let done = tokio::select! {
                laggards = fresh.recv() => match laggards {
                    Some(laggards) => self.take(laggards).await,
                    None => break Ok(()),
                },
                Some(done) = self.out.join_next() => match done {
                    Ok((laggard, took, receipt)) => self.hear(laggard, took, receipt).await,
                    Err(_panic) => Err(BrokerError::Panicked("the publisher to a silent route")),
                },
                _ = look.tick(), if self.has_trials() => self.judge().await,
            };
            if done.is_err() {
                break done;
            }
            let settled = std::mem::take(&mut self.settled);
            if !settled.is_empty() {
                let lost = self.settler.ack(&settled).await;
                metrics::counter!("redeemq_acks_lost_total").increment(lost as u64);
            }
        };
        let (line, out) = (self.line, self.out);
        tokio::spawn(async move {
            line.close().await;
            drop(out);
        });
        kept
    }

    async fn take(&mut self, laggards: Vec<Laggard>) -> Result<()> {
        for laggard in laggards {
            let route = laggard.message.route();
            let heard = self.silent.heard();
            let trial = State::Trial(Instant::now(), heard);
            let begin = || Room { state: trial, out: 0, waiting: VecDeque::new() };
            let room = self.rooms.entry(route).or_insert_with(begin);
            match room.state {
                State::Trial(..) if room.out > 0 => room.waiting.push_back(laggard),
                State::Trial(..) => self.send(laggard).await?,
                State::Silent => self.admit(laggard).await?,
                State::Speaks => {
                    room.state = trial;
                    self.send(laggard).await?;
                }
            }
        }
        Ok(())
    }

    /// One more to a silent route, if there is room for it.
    async fn admit(&mut self, laggard: Laggard) -> Result<()> {
        let of_route = self.rooms.get(&laggard.message.route()).map_or(0, |room| room.out);
        if of_route < HELD_OF_ROUTE_MAX && self.out.len() < self.held_max {
            return self.send(laggard).await;
        }
        self.settle(laggard, Receipt::Unconfirmed);
        Ok(())
    }

    async fn send(&mut self, laggard: Laggard) -> Result<()> {
        let way = self.line.way().await?;
        if let Some(room) = self.rooms.get_mut(&laggard.message.route()) {
            room.out += 1;
        }
        self.out.spawn(async move {
            let begun = Instant::now();
            let left = PATIENCE.saturating_sub(laggard.since.elapsed());
            let receipt = way.publish(&laggard.message, left).await;
            (laggard, begun.elapsed(), receipt)
        });
        Ok(())
    }

    async fn hear(
        &mut self,
        laggard: Laggard,
        took: Duration,
        receipt: Result<Receipt>,
    ) -> Result<()> {
        let receipt = receipt?;
        let route = laggard.message.route();
        let Some(room) = self.rooms.get_mut(&route) else { return Ok(()) };
        room.out -= 1;
        match receipt {
            // A queue without a leader is refused as well, when the broker's own patience ends.
            Receipt::Refused if took < TRIAL => {
                self.speaks(&route);
                self.give_back(vec![laggard]);
            }
            Receipt::Refused | Receipt::Unconfirmed => {
                self.settle(laggard, Receipt::Unconfirmed);
                self.is_silent(&route).await?;
            }
            Receipt::Confirmed | Receipt::Returned => {
                self.silent.hear();
                self.settle(laggard, receipt);
                self.speaks(&route);
            }
            Receipt::TooLarge => self.settle(laggard, receipt),
        }
        let Some(room) = self.rooms.get_mut(&route).filter(|room| room.out == 0) else {
            return Ok(());
        };
        match room.waiting.pop_front() {
            Some(next) => self.send(next).await?,
            None => drop(self.rooms.remove(&route)),
        }
        Ok(())
    }

    fn has_trials(&self) -> bool {
        self.rooms.values().any(|room| matches!(room.state, State::Trial(..)))
    }

    /// Ends the trials that took their time, if others were heard meanwhile: else it may be the broker
    /// that is slow, and nothing is counted for that.
    async fn judge(&mut self) -> Result<()> {
        let heard = self.silent.heard();
        let is_over = |room: &Room| match room.state {
            State::Trial(since, before) => since.elapsed() >= TRIAL && heard != before,
            State::Silent | State::Speaks => false,
        };
        let over = self.rooms.iter().filter(|(_, room)| is_over(room));
        for route in over.map(|(route, _)| route.clone()).collect::<Vec<_>>() {
            self.is_silent(&route).await?;
        }
        Ok(())
    }

    async fn is_silent(&mut self, route: &Route) -> Result<()> {
        let Some(room) = self.rooms.get_mut(route) else { return Ok(()) };
        let waiting = std::mem::take(&mut room.waiting);
        if !matches!(room.state, State::Silent) {
            room.state = State::Silent;
            tracing::warn!(
                exchange = route.0,
                routing_key = %route.1,
                "a queue does not confirm what it is sent, while others do: has it a leader? What goes there waits a while, and is then in the ledger only"
            );
        }
        for laggard in waiting {
            self.admit(laggard).await?;
        }
        Ok(())
    }

    fn speaks(&mut self, route: &Route) {
        self.silent.speaks(route);
        let Some(room) = self.rooms.get_mut(route) else { return };
        if matches!(room.state, State::Silent) {
            tracing::info!(exchange = route.0, routing_key = %route.1, "a silent queue confirms again");
        }
        room.state = State::Speaks;
        let waiting = std::mem::take(&mut room.waiting);
        self.give_back(waiting.into());
    }

    fn give_back(&self, laggards: Vec<Laggard>) {
        if !laggards.is_empty() && self.home.send(laggards).is_err() {
            tracing::debug!("the session has ended: what it has not settled is delivered again");
        }
    }

    fn settle(&mut self, mut laggard: Laggard, receipt: Receipt) {
        laggard.count(receipt);
        self.settled.extend(laggard.tag);
    }
}
