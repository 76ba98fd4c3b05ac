//! Steps 4 and 5 of a batch: publish, and settle what is confirmed.
//!
//! A result that a reader's full queue refuses is tried again for a while, beside the following
//! batches and never in front of them; then it is counted and settled, for it stays fetchable. So is
//! one that is larger than the broker takes. What the broker does not confirm at all, while it answers
//! otherwise, goes to the [`laggards`](super::laggards), and whatever follows on the same route with it.
//! A dead letter has no such second home: it is tried until it is confirmed.

use super::laggards::{Laggard, Laggards};
use super::parcel::{Parcel, Results, Tried, Window, count_copies};
use super::silent::SilentRoutes;
use crate::broker::alone::Alone;
use crate::broker::direct::DirectReplies;
use crate::broker::message::{Bound, Outgoing, Receipt};
use crate::broker::publisher::{Pressure, Publisher};
use crate::broker::settler::Settler;
use crate::broker::{BrokerError, Pool, Result, topology};
use crate::crash::{self, Point};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};

/// How often a refused result is tried again, and after what pause: for 5 s. Tries are counted, not
/// time, for a broker that is blocked answers none, and one that is away begins the session anew.
const REFUSED_TRIES_MAX: u32 = 20;
const REFUSED_TRY_EVERY: Duration = Duration::from_millis(250);
/// Most refused results of one route that are held for another try: held deliveries fill the
/// prefetch, and a flood for one full queue shall not stop the others.
const REFUSED_HELD_MAX: usize = 100;

/// Publishes parcels until the lane ends or the broker fails.
pub struct Post {
    /// For all that is published as usual.
    publisher: Publisher,
    /// Connections for it.
    pool: Pool,
    direct: DirectReplies,
    /// For what is not confirmed.
    laggards: Laggards,
    /// Where that goes.
    silent: Arc<SilentRoutes>,
    /// For what is.
    settler: Settler,
    /// Most refused results that are held.
    held_max: usize,
}

impl Post {
    /// With a connection of its own, and others when they are needed.
    ///
    /// # Errors
    /// When there is none to be had.
    pub async fn open(
        pool: &Pool,
        bound: &Bound,
        silent: &Arc<SilentRoutes>,
        settler: Settler,
        held_max: usize,
    ) -> Result<Self> {
        let line = Alone::new(pool.clone(), bound.clone());
        Ok(Self {
            publisher: Publisher::open(pool, bound.clone()).await?,
            pool: pool.clone(),
            direct: DirectReplies::new(pool.clone(), bound.clone()),
            laggards: Laggards::begin(line, settler.clone(), Arc::clone(silent), held_max),
            silent: Arc::clone(silent),
            settler,
            held_max,
        })
    }

    /// Of the connection for all that is published as usual.
    pub fn pressure(&self) -> Pressure {
        self.publisher.pressure()
    }

    /// From the first parcel to the last.
    ///
    /// # Errors
    /// The session is over then: what is not settled is delivered again.
    pub async fn publish(mut self, parcels: mpsc::Receiver<Vec<Parcel>>) -> Result<()> {
        let published = self.publish_all(parcels).await;
        if published.is_err() {
            self.publisher.discard();
        }
        published
    }

    async fn publish_all(&mut self, mut parcels: mpsc::Receiver<Vec<Parcel>>) -> Result<()> {
        let mut refused: Vec<Tried> = Vec::new();
        let mut tick = interval(REFUSED_TRY_EVERY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut open = true;
        while open || !refused.is_empty() {
            let mut window = Window::default();
            let mut is_fresh = false;
            tokio::select! {
                batch = parcels.recv(), if open => match batch {
                    Some(batch) => { window.add(batch); is_fresh = true; }
                    None => { open = false; continue }
                },
                back = self.laggards.back() => window.add_back(back?),
                _ = tick.tick(), if !refused.is_empty() => window.parcels.append(&mut refused),
            }
            self.held_max = if open { self.held_max } else { 0 };
            let is_complete = self.publish_window(window, &mut refused).await?;
            if is_fresh {
                self.settler.tell_through();
            }
            if !is_complete {
                self.publisher.renew(&self.pool).await?;
            }
        }
        Ok(())
    }

    /// Publishes, and settles what can be; whether all of it was confirmed in time.
    async fn publish_window(&mut self, window: Window, refused: &mut Vec<Tried>) -> Result<bool> {
        let Window { parcels, copies } = self.without_silent(window);
        // Apart and first: nothing that a reader does shall end a session over them.
        let (dead, parcels): (Vec<_>, Vec<_>) =
            parcels.into_iter().partition(|tried| tried.parcel.is_dead);
        let begun = Instant::now();
        let of_dead = self.bury(&dead).await.inspect_err(|_| count_unknown(dead.len()))?;
        let (direct_replies, copies): (Vec<_>, Vec<_>) =
            copies.into_iter().partition(Outgoing::is_direct_reply);
        let mut outgoing: Vec<&Outgoing> = Vec::with_capacity(parcels.len() + copies.len());
        outgoing.extend(parcels.iter().map(|tried| &tried.parcel.letter.main).chain(&copies));
        let offered = self.publisher.offer(&outgoing, true).await;
        let mut receipts = offered.inspect_err(|_| count_unknown(outgoing.len()))?;
        let took = begun.elapsed().as_secs_f64();
        metrics::histogram!("redeemq_step_seconds", "step" => "publish").record(took);
        let unconfirmed = self.suspect(&outgoing, &receipts);
        let of_copies = receipts.split_off(parcels.len());
        let mut laggards: Vec<Laggard> = Vec::new();
        for (copy, receipt) in copies.into_iter().zip(&of_copies) {
            if *receipt == Receipt::Unconfirmed {
                laggards.push(Laggard::copy(copy));
            }
        }
        count_copies(of_copies.into_iter().filter(|receipt| *receipt != Receipt::Unconfirmed));
        count_copies(self.direct.send(&direct_replies).await);
        let judged = parcels.into_iter().zip(receipts);
        let judged = dead.into_iter().zip(of_dead).chain(judged);
        let settled = self.judge(judged, refused, &mut laggards)?;
        crash::point(Point::AfterConfirm);
        let lost = self.settler.ack(&settled).await;
        crash::point(Point::AtAck);
        metrics::counter!("redeemq_acks_lost_total").increment(lost as u64);
        self.laggards.take(laggards);
        if unconfirmed > 0 {
            tracing::warn!(unconfirmed, "the broker answers, but did not confirm all of a window");
        }
        Ok(unconfirmed == 0)
    }

    async fn bury(&self, dead: &[Tried]) -> Result<Vec<Receipt>> {
        if dead.is_empty() {
            return Ok(Vec::new());
        }
        let letters: Vec<&Outgoing> = dead.iter().map(|tried| &tried.parcel.letter.main).collect();
        self.publisher.publish(&letters, true).await
    }

    /// Leaves out, and aside, what goes to silent routes; copies are taken out of their parcels.
    fn without_silent(&self, window: Window) -> Window {
        let Window { parcels, mut copies } = window;
        let (mut loud, mut aside) = (Vec::with_capacity(parcels.len()), Vec::new());
        for mut tried in parcels {
            copies.append(&mut tried.parcel.letter.copies);
            let Parcel { letter, is_dead, .. } = &tried.parcel;
            if !is_dead && self.silent.contains(&letter.main.route()) {
                aside.push(Laggard::of(tried.parcel));
            } else {
                loud.push(tried);
            }
        }
        let is_silent = |copy: &Outgoing| self.silent.contains(&copy.route());
        let (silent, copies): (Vec<_>, Vec<_>) = copies.into_iter().partition(is_silent);
        aside.extend(silent.into_iter().map(Laggard::copy));
        self.laggards.take(aside);
        Window { parcels: loud, copies }
    }

    /// Notes what was confirmed, and what was not; returns how many were not.
    fn suspect(&self, outgoing: &[&Outgoing], receipts: &[Receipt]) -> usize {
        if receipts.contains(&Receipt::Confirmed) {
            self.silent.hear();
        }
        let sent = outgoing.iter().zip(receipts);
        let unconfirmed = sent.filter(|(_, receipt)| **receipt == Receipt::Unconfirmed);
        unconfirmed.inspect(|(message, _)| self.silent.suspect(message.route())).count()
    }

    /// What is settled, and what has to wait.
    fn judge(
        &self,
        parcels: impl Iterator<Item = (Tried, Receipt)>,
        refused: &mut Vec<Tried>,
        laggards: &mut Vec<Laggard>,
    ) -> Result<Vec<u64>> {
        let mut held: HashMap<_, usize> = HashMap::new();
        for tried in refused.iter() {
            *held.entry(tried.parcel.letter.main.routing_key.clone()).or_default() += 1;
        }
        let (mut settled, mut results) = (Vec::new(), Results::default());
        for (mut tried, receipt) in parcels {
            let Parcel { tag, is_dead, .. } = tried.parcel;
            let route = &tried.parcel.letter.main.routing_key;
            let held = held.entry(route.clone()).or_default();
            let try_again = is_dead
                || (refused.len() < self.held_max
                    && tried.tries < REFUSED_TRIES_MAX
                    && *held < REFUSED_HELD_MAX);
            match receipt {
                Receipt::Returned if is_dead => {
                    return Err(BrokerError::Unroutable(topology::DEAD));
                }
                Receipt::TooLarge if is_dead => return Err(BrokerError::TooLarge),
                Receipt::Refused if try_again => {
                    *held += 1;
                    tried.tries += 1;
                    refused.push(tried);
                }
                Receipt::Unconfirmed => laggards.push(Laggard::of(tried.parcel)),
                receipt => {
                    results.add(receipt, &mut tried.parcel);
                    settled.push(tag);
                }
            }
        }
        results.count();
        Ok(settled)
    }
}

/// Messages that the broker may have or not: they are published again.
fn count_unknown(messages: usize) {
    metrics::counter!("redeemq_confirms_unknown_total", "of" => "results")
        .increment(messages as u64);
}
