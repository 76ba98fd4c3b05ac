//! What becomes of messages whose route is suspected to be silent.
//!
//! A window that was not confirmed in time says that one of its routes is silent, but not which: a queue
//! without a leader holds up everything on its channel. So the first message of each suspect is put on
//! **trial**, on a channel of its own. Routes that speak give back what waited for them. The others are
//! **silent**: what goes there is published and waited for all the same, up to bounds in number and time,
//! and then counted and settled, for it stays fetchable.

use crate::broker::consume::settler::Settler;
use crate::broker::publish::isolated::IsolatedPublisher;
use crate::broker::publish::message::{ConfirmStatus, Route};
use crate::broker::{BrokerError, Result};
use crate::worker::publish::route_circuits::RouteCircuits;
use crate::worker::publish::unconfirmed::UnconfirmedResult;
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
pub(super) struct RouteProber {
    line: IsolatedPublisher,
    settler: Settler,
    silent: Arc<RouteCircuits>,
    home: mpsc::UnboundedSender<Vec<UnconfirmedResult>>,
    held_max: usize,
    /// Those that wait for their confirms, with how long each took.
    out: JoinSet<(UnconfirmedResult, Duration, Result<ConfirmStatus>)>,
    routes: HashMap<Route, RouteState>,
    /// To be acknowledged.
    settled: Vec<u64>,
}

/// What belongs to one route.
struct RouteState {
    state: State,
    /// Messages that wait for their confirms.
    out: usize,
    /// Messages that wait for the end of the trial.
    waiting: VecDeque<UnconfirmedResult>,
}

#[derive(Clone, Copy)]
enum State {
    /// Since when, and what had been heard of other routes by then.
    Trial(Instant, u64),
    Silent,
    Speaks,
}

impl RouteProber {
    pub(super) fn new(
        line: IsolatedPublisher,
        settler: Settler,
        silent: Arc<RouteCircuits>,
        home: mpsc::UnboundedSender<Vec<UnconfirmedResult>>,
        held_max: usize,
    ) -> Self {
        Self {
            line,
            settler,
            silent,
            home,
            held_max: held_max.min(HELD_MAX),
            out: JoinSet::new(),
            routes: HashMap::new(),
            settled: Vec::new(),
        }
    }

    /// Until no more can come.
    ///
    /// # Errors
    /// When the broker fails.
    pub(super) async fn keep(
        mut self,
        mut fresh: mpsc::UnboundedReceiver<Vec<UnconfirmedResult>>,
    ) -> Result<()> {
        let mut look = interval(LOOK_EVERY);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let kept = loop {
            let done = tokio::select! {
                unconfirmed = fresh.recv() => match unconfirmed {
                    Some(unconfirmed) => self.take(unconfirmed).await,
                    None => break Ok(()),
                },
                Some(done) = self.out.join_next() => match done {
                    Ok((message, took, receipt)) => self.hear(message, took, receipt).await,
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

    async fn take(&mut self, unconfirmed: Vec<UnconfirmedResult>) -> Result<()> {
        for message in unconfirmed {
            let route = message.message.route();
            let heard = self.silent.heard();
            let trial = State::Trial(Instant::now(), heard);
            let begin = || RouteState { state: trial, out: 0, waiting: VecDeque::new() };
            let route_state = self.routes.entry(route).or_insert_with(begin);
            match route_state.state {
                State::Trial(..) if route_state.out > 0 => route_state.waiting.push_back(message),
                State::Trial(..) => self.send(message).await?,
                State::Silent => self.admit(message).await?,
                State::Speaks => {
                    route_state.state = trial;
                    self.send(message).await?;
                }
            }
        }
        Ok(())
    }

    /// One more to a silent route, if there is route_state for it.
    async fn admit(&mut self, message: UnconfirmedResult) -> Result<()> {
        let of_route =
            self.routes.get(&message.message.route()).map_or(0, |route_state| route_state.out);
        if of_route < HELD_OF_ROUTE_MAX && self.out.len() < self.held_max {
            return self.send(message).await;
        }
        self.settle(message, ConfirmStatus::Unconfirmed);
        Ok(())
    }

    async fn send(&mut self, message: UnconfirmedResult) -> Result<()> {
        let way = self.line.way().await?;
        if let Some(route_state) = self.routes.get_mut(&message.message.route()) {
            route_state.out += 1;
        }
        self.out.spawn(async move {
            let begun = Instant::now();
            let left = PATIENCE.saturating_sub(message.since.elapsed());
            let receipt = way.publish(&message.message, left).await;
            (message, begun.elapsed(), receipt)
        });
        Ok(())
    }

    async fn hear(
        &mut self,
        message: UnconfirmedResult,
        took: Duration,
        receipt: Result<ConfirmStatus>,
    ) -> Result<()> {
        let receipt = receipt?;
        let route = message.message.route();
        let Some(route_state) = self.routes.get_mut(&route) else { return Ok(()) };
        route_state.out -= 1;
        match receipt {
            // A queue without a leader is refused as well, when the broker's own patience ends.
            ConfirmStatus::Refused if took < TRIAL => {
                self.speaks(&route);
                self.give_back(vec![message]);
            }
            ConfirmStatus::Refused | ConfirmStatus::Unconfirmed => {
                self.settle(message, ConfirmStatus::Unconfirmed);
                self.is_silent(&route).await?;
            }
            ConfirmStatus::Confirmed | ConfirmStatus::Returned => {
                self.silent.hear();
                self.settle(message, receipt);
                self.speaks(&route);
            }
            ConfirmStatus::TooLarge => self.settle(message, receipt),
        }
        let Some(route_state) =
            self.routes.get_mut(&route).filter(|route_state| route_state.out == 0)
        else {
            return Ok(());
        };
        match route_state.waiting.pop_front() {
            Some(next) => self.send(next).await?,
            None => drop(self.routes.remove(&route)),
        }
        Ok(())
    }

    fn has_trials(&self) -> bool {
        self.routes.values().any(|route_state| matches!(route_state.state, State::Trial(..)))
    }

    /// Ends the trials that took their time, if others were heard meanwhile: else it may be the broker
    /// that is slow, and nothing is counted for that.
    async fn judge(&mut self) -> Result<()> {
        let heard = self.silent.heard();
        let is_over = |route_state: &RouteState| match route_state.state {
            State::Trial(since, before) => since.elapsed() >= TRIAL && heard != before,
            State::Silent | State::Speaks => false,
        };
        let over = self.routes.iter().filter(|(_, route_state)| is_over(route_state));
        for route in over.map(|(route, _)| route.clone()).collect::<Vec<_>>() {
            self.is_silent(&route).await?;
        }
        Ok(())
    }

    async fn is_silent(&mut self, route: &Route) -> Result<()> {
        let Some(route_state) = self.routes.get_mut(route) else { return Ok(()) };
        let waiting = std::mem::take(&mut route_state.waiting);
        if !matches!(route_state.state, State::Silent) {
            route_state.state = State::Silent;
            tracing::warn!(
                exchange = route.0,
                routing_key = %route.1,
                "a queue does not confirm what it is sent, while others do: has it a leader? What goes there waits a while, and is then in the ledger only"
            );
        }
        for message in waiting {
            self.admit(message).await?;
        }
        Ok(())
    }

    fn speaks(&mut self, route: &Route) {
        self.silent.speaks(route);
        let Some(route_state) = self.routes.get_mut(route) else { return };
        if matches!(route_state.state, State::Silent) {
            tracing::info!(exchange = route.0, routing_key = %route.1, "a silent queue confirms again");
        }
        route_state.state = State::Speaks;
        let waiting = std::mem::take(&mut route_state.waiting);
        self.give_back(waiting.into());
    }

    fn give_back(&self, unconfirmed: Vec<UnconfirmedResult>) {
        if !unconfirmed.is_empty() && self.home.send(unconfirmed).is_err() {
            tracing::debug!("the session has ended: what it has not settled is delivered again");
        }
    }

    fn settle(&mut self, mut message: UnconfirmedResult, receipt: ConfirmStatus) {
        message.count(receipt);
        self.settled.extend(message.tag);
    }
}
