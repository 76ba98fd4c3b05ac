//! Steps 4 and 5 of a batch: publish, and settle what is confirmed.
//!
//! A result that a reader's full queue refuses is tried again for a while, beside the following
//! batches and never in front of them; then it is counted and settled, for it stays fetchable. So is
//! one that is larger than the broker takes. What the broker does not confirm at all, while it answers
//! otherwise, goes to the [`unconfirmed`](super::unconfirmed), and whatever follows on the same route with it.
//! A dead letter has no such second home: it is tried until it is confirmed.

use crate::broker::consume::settler::Settler;
use crate::broker::publish::direct_replies::DirectReplies;
use crate::broker::publish::isolated::IsolatedPublisher;
use crate::broker::publish::message::{ConfirmStatus, MaxMessageSize, Outgoing};
use crate::broker::publish::publisher::{BlockedStatus, Publisher};
use crate::broker::{BrokerError, Pool, Result, topology};
use crate::failpoint::{self, Point};
use crate::worker::publish::pending_result::{
    PendingResult, ResultCounts, Tried, Window, count_copies,
};
use crate::worker::publish::route_circuits::RouteCircuits;
use crate::worker::publish::unconfirmed::{UnconfirmedResult, UnconfirmedResults};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{Notify, mpsc};
use tokio::time::{MissedTickBehavior, interval};

/// How often a refused result is tried again, and after what pause: for 5 s. Tries are counted, not
/// time, for a broker that is blocked answers none, and one that is away begins the session anew.
const REFUSED_TRIES_MAX: u32 = 20;
const REFUSED_TRY_EVERY: Duration = Duration::from_millis(250);
/// Most refused results of one route that are held for another try: held deliveries fill the
/// prefetch, and a flood for one full queue shall not stop the others.
const REFUSED_HELD_MAX: usize = 100;

/// Publishes results until the lane ends or the broker fails.
pub struct ResultPublisher {
    /// For all that is published as usual.
    publisher: Publisher,
    /// Connections for it.
    pool: Pool,
    direct: DirectReplies,
    /// For what is not confirmed.
    unconfirmed: UnconfirmedResults,
    /// Where that goes.
    silent: Arc<RouteCircuits>,
    /// For what is.
    settler: Settler,
    /// Most refused results that are held.
    held_max: usize,
}

impl ResultPublisher {
    /// With a connection of its own, and others when they are needed.
    ///
    /// # Errors
    /// When there is none to be had.
    pub async fn open(
        pool: &Pool,
        bound: &MaxMessageSize,
        silent: &Arc<RouteCircuits>,
        settler: Settler,
        held_max: usize,
    ) -> Result<Self> {
        let line = IsolatedPublisher::new(pool.clone(), bound.clone());
        Ok(Self {
            publisher: Publisher::open(pool, bound.clone()).await?,
            pool: pool.clone(),
            direct: DirectReplies::new(pool.clone(), bound.clone()),
            unconfirmed: UnconfirmedResults::begin(
                line,
                settler.clone(),
                Arc::clone(silent),
                held_max,
            ),
            silent: Arc::clone(silent),
            settler,
            held_max,
        })
    }

    /// Of the connection for all that is published as usual.
    pub fn pressure(&self) -> BlockedStatus {
        self.publisher.pressure()
    }

    /// From the first result to the last; notifies of each batch that was published.
    ///
    /// # Errors
    /// The session is over then: what is not settled is delivered again.
    pub async fn publish(
        mut self,
        results: mpsc::Receiver<Vec<PendingResult>>,
        window_done: Arc<Notify>,
    ) -> Result<()> {
        let published = self.publish_all(results, &window_done).await;
        if published.is_err() {
            self.publisher.discard();
        }
        published
    }

    async fn publish_all(
        &mut self,
        mut results: mpsc::Receiver<Vec<PendingResult>>,
        window_done: &Notify,
    ) -> Result<()> {
        let mut refused: Vec<Tried> = Vec::new();
        let mut tick = interval(REFUSED_TRY_EVERY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut open = true;
        while open || !refused.is_empty() {
            let mut window = Window::default();
            let mut is_fresh = false;
            tokio::select! {
                batch = results.recv(), if open => match batch {
                    Some(batch) => { window.add(batch); is_fresh = true; }
                    None => { open = false; continue }
                },
                back = self.unconfirmed.back() => window.add_back(back?),
                _ = tick.tick(), if !refused.is_empty() => window.results.append(&mut refused),
            }
            self.held_max = if open { self.held_max } else { 0 };
            let is_complete = self.publish_window(window, &mut refused).await?;
            if is_fresh {
                window_done.notify_one();
            }
            if !is_complete {
                self.publisher.renew(&self.pool).await?;
            }
        }
        Ok(())
    }

    /// Publishes, and settles what can be; whether all of it was confirmed in time.
    async fn publish_window(&mut self, window: Window, refused: &mut Vec<Tried>) -> Result<bool> {
        let Window { results, copies } = self.without_silent(window);
        // Apart and first: nothing that a reader does shall end a session over them.
        let (dead, results): (Vec<_>, Vec<_>) =
            results.into_iter().partition(|tried| tried.result.is_dead);
        let begun = Instant::now();
        let of_dead = self.dead_letter(&dead).await.inspect_err(|_| count_unknown(dead.len()))?;
        let (direct_replies, copies): (Vec<_>, Vec<_>) =
            copies.into_iter().partition(Outgoing::is_direct_reply);
        let mut outgoing: Vec<&Outgoing> = Vec::with_capacity(results.len() + copies.len());
        outgoing.extend(results.iter().map(|tried| &tried.result.letter.main).chain(&copies));
        let offered = self.publisher.offer(&outgoing, true).await;
        let mut receipts = offered.inspect_err(|_| count_unknown(outgoing.len()))?;
        let took = begun.elapsed().as_secs_f64();
        metrics::histogram!("redeemq_step_seconds", "step" => "publish").record(took);
        let unconfirmed_count = self.suspect(&outgoing, &receipts);
        let of_copies = receipts.split_off(results.len());
        let mut unconfirmed: Vec<UnconfirmedResult> = Vec::new();
        for (copy, receipt) in copies.into_iter().zip(&of_copies) {
            if *receipt == ConfirmStatus::Unconfirmed {
                unconfirmed.push(UnconfirmedResult::copy(copy));
            }
        }
        count_copies(
            of_copies.into_iter().filter(|receipt| *receipt != ConfirmStatus::Unconfirmed),
        );
        count_copies(self.direct.send(&direct_replies).await);
        let judged = results.into_iter().zip(receipts);
        let judged = dead.into_iter().zip(of_dead).chain(judged);
        let settled = self.judge(judged, refused, &mut unconfirmed)?;
        failpoint::hit(Point::AfterConfirm);
        let lost = self.settler.ack(&settled).await;
        failpoint::hit(Point::AtAck);
        metrics::counter!("redeemq_acks_lost_total").increment(lost as u64);
        self.unconfirmed.take(unconfirmed);
        if unconfirmed_count > 0 {
            tracing::warn!(
                unconfirmed = unconfirmed_count,
                "the broker answers, but did not confirm all of a window"
            );
        }
        Ok(unconfirmed_count == 0)
    }

    async fn dead_letter(&self, dead: &[Tried]) -> Result<Vec<ConfirmStatus>> {
        if dead.is_empty() {
            return Ok(Vec::new());
        }
        let letters: Vec<&Outgoing> = dead.iter().map(|tried| &tried.result.letter.main).collect();
        self.publisher.publish(&letters, true).await
    }

    /// Leaves out, and aside, what goes to silent routes; copies are taken out of their results.
    fn without_silent(&self, window: Window) -> Window {
        let Window { results, mut copies } = window;
        let (mut loud, mut aside) = (Vec::with_capacity(results.len()), Vec::new());
        for mut tried in results {
            copies.append(&mut tried.result.letter.copies);
            let PendingResult { letter, is_dead, .. } = &tried.result;
            if !is_dead && self.silent.contains(&letter.main.route()) {
                aside.push(UnconfirmedResult::of(tried.result));
            } else {
                loud.push(tried);
            }
        }
        let is_silent = |copy: &Outgoing| self.silent.contains(&copy.route());
        let (silent, copies): (Vec<_>, Vec<_>) = copies.into_iter().partition(is_silent);
        aside.extend(silent.into_iter().map(UnconfirmedResult::copy));
        self.unconfirmed.take(aside);
        Window { results: loud, copies }
    }

    /// Notes what was confirmed, and what was not; returns how many were not.
    fn suspect(&self, outgoing: &[&Outgoing], receipts: &[ConfirmStatus]) -> usize {
        if receipts.contains(&ConfirmStatus::Confirmed) {
            self.silent.hear();
        }
        let sent = outgoing.iter().zip(receipts);
        let unconfirmed = sent.filter(|(_, receipt)| **receipt == ConfirmStatus::Unconfirmed);
        unconfirmed.inspect(|(message, _)| self.silent.suspect(message.route())).count()
    }

    /// What is settled, and what has to wait.
    fn judge(
        &self,
        results: impl Iterator<Item = (Tried, ConfirmStatus)>,
        refused: &mut Vec<Tried>,
        unconfirmed: &mut Vec<UnconfirmedResult>,
    ) -> Result<Vec<u64>> {
        let mut held: HashMap<_, usize> = HashMap::new();
        for tried in refused.iter() {
            *held.entry(tried.result.letter.main.routing_key.clone()).or_default() += 1;
        }
        let (mut settled, mut counts) = (Vec::new(), ResultCounts::default());
        for (mut tried, receipt) in results {
            let PendingResult { tag, is_dead, .. } = tried.result;
            let route = &tried.result.letter.main.routing_key;
            let held = held.entry(route.clone()).or_default();
            let try_again = is_dead
                || (refused.len() < self.held_max
                    && tried.tries < REFUSED_TRIES_MAX
                    && *held < REFUSED_HELD_MAX);
            match receipt {
                ConfirmStatus::Returned if is_dead => {
                    return Err(BrokerError::Unroutable(topology::DEAD));
                }
                ConfirmStatus::TooLarge if is_dead => return Err(BrokerError::TooLarge),
                ConfirmStatus::Refused if try_again => {
                    *held += 1;
                    tried.tries += 1;
                    refused.push(tried);
                }
                ConfirmStatus::Unconfirmed => unconfirmed.push(UnconfirmedResult::of(tried.result)),
                receipt => {
                    counts.add(receipt, &mut tried.result);
                    settled.push(tag);
                }
            }
        }
        counts.count();
        Ok(settled)
    }
}

/// Messages that the broker may have or not: they are published again.
fn count_unknown(messages: usize) {
    metrics::counter!("redeemq_confirms_unknown_total", "of" => "results")
        .increment(messages as u64);
}
