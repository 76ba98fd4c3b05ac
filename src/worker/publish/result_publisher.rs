//! Steps 4 and 5 of a batch: publish, and settle what is confirmed.
//!
//! A result that a reader's full queue [refuses](super::refused) is tried again for a while, beside the
//! following batches and never in front of them; then it is counted and settled, for it stays fetchable.
//! So is one that is larger than the broker takes. What the broker does not confirm at all, while it
//! answers otherwise, opens the [circuit](super::circuit) of its route. A dead letter has no such second
//! home: it goes by no circuit and is tried until it is confirmed.

use crate::broker::consume::settler::Settler;
use crate::broker::publish::direct_replies::DirectReplies;
use crate::broker::publish::isolated::IsolatedPublisher;
use crate::broker::publish::message::{ConfirmStatus, MaxMessageSize, Outgoing};
use crate::broker::publish::publisher::{BlockedStatus, Publisher};
use crate::broker::{Pool, Result};
use crate::failpoint::{self, Point};
use crate::worker::publish::canaries::Canaries;
use crate::worker::publish::pending_result::PendingResult;
use crate::worker::publish::refused::{self, RefusedResults};
use crate::worker::publish::result_counts::{record_copies, record_lost_acks, record_unknown};
use crate::worker::publish::route_circuits::RouteCircuits;
use crate::worker::publish::settlement::Settlement;
use crate::worker::publish::window::{QueuedResult, Window};
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::{Notify, mpsc};
use tokio::time::{MissedTickBehavior, interval};

/// Publishes results until the lane ends or the broker fails.
pub struct ResultPublisher {
    /// For all that is published as usual.
    publisher: Publisher,
    /// Connections for it.
    pool: Pool,
    direct: DirectReplies,
    canaries: Canaries,
    routes: Arc<RouteCircuits>,
    refused: RefusedResults,
    settler: Settler,
}

impl ResultPublisher {
    /// With a connection of its own, and others when they are needed. It holds no more than `held_max`
    /// refused results, and as many unconfirmed ones.
    ///
    /// # Errors
    /// When there is none to be had.
    pub async fn open(
        pool: &Pool,
        max_message_size: &MaxMessageSize,
        routes: &Arc<RouteCircuits>,
        settler: Settler,
        held_max: usize,
    ) -> Result<Self> {
        let isolated = IsolatedPublisher::new(pool.clone(), max_message_size.clone());
        Ok(Self {
            publisher: Publisher::open(pool, max_message_size.clone()).await?,
            pool: pool.clone(),
            direct: DirectReplies::new(pool.clone(), max_message_size.clone()),
            canaries: Canaries::new(isolated, settler.clone(), Arc::clone(routes), held_max),
            routes: Arc::clone(routes),
            refused: RefusedResults::new(held_max),
            settler,
        })
    }

    /// Of the connection for all that is published as usual.
    pub fn blocked_status(&self) -> BlockedStatus {
        self.publisher.blocked_status()
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
        self.canaries.close_connection();
        published
    }

    async fn publish_all(
        &mut self,
        mut results: mpsc::Receiver<Vec<PendingResult>>,
        window_done: &Notify,
    ) -> Result<()> {
        let mut tick = interval(refused::RETRY_EVERY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut open = true;
        while open || !self.refused.is_empty() {
            let mut window = Window::default();
            let mut is_new_batch = false;
            tokio::select! {
                batch = results.recv(), if open => match batch {
                    Some(batch) => { window.add(batch); is_new_batch = true; }
                    None => { open = false; self.refused.drain(); }
                },
                Some(canary) = self.canaries.ended() => {
                    window.add_unconfirmed(self.canaries.learn(canary?).await?);
                }
                _ = tick.tick(), if !self.refused.is_empty() || self.canaries.has_half_open() => {
                    self.canaries.judge().await;
                    window.results = self.refused.take();
                }
            }
            let is_complete = window.is_empty() || self.publish_window(window).await?;
            if is_new_batch {
                window_done.notify_one();
            }
            if !is_complete {
                self.publisher.renew(&self.pool).await?;
            }
        }
        Ok(())
    }

    /// Publishes, and settles what can be; whether all of it was confirmed in time.
    async fn publish_window(&mut self, mut window: Window) -> Result<bool> {
        let held = window.take(|route| !self.routes.is_closed(route));
        self.canaries.hold(held).await;
        let Window { results, copies } = window;
        // Apart and first: nothing that a reader does shall end a session over them.
        let (dead, results): (Vec<_>, Vec<_>) =
            results.into_iter().partition(|queued| queued.result.must_arrive());
        let (direct_replies, copies): (Vec<_>, Vec<_>) =
            copies.into_iter().partition(Outgoing::is_direct_reply);
        let begun = Instant::now();
        let dead_statuses = self.publish_dead_letters(&dead).await?;
        let (statuses, copy_statuses) = self.publish_results(&results, &copies).await?;
        let took = begun.elapsed().as_secs_f64();
        metrics::histogram!("redeemq_step_seconds", "step" => "publish").record(took);

        let mut settlement = Settlement::default();
        settlement.add_copies(copies, copy_statuses);
        record_copies(self.direct.send(&direct_replies).await);
        let published = dead.into_iter().zip(dead_statuses);
        let published = published.chain(results.into_iter().zip(statuses));
        settlement.add_results(published, &mut self.refused)?;
        Ok(self.settle(settlement).await)
    }

    async fn publish_dead_letters(&self, dead: &[QueuedResult]) -> Result<Vec<ConfirmStatus>> {
        if dead.is_empty() {
            return Ok(Vec::new());
        }
        let messages: Vec<&Outgoing> = dead.iter().map(QueuedResult::message).collect();
        let published = self.publisher.publish(&messages, true).await;
        published.inspect_err(|_| record_unknown(dead.len()))
    }

    /// What the broker said of results and of copies.
    async fn publish_results(
        &self,
        results: &[QueuedResult],
        copies: &[Outgoing],
    ) -> Result<(Vec<ConfirmStatus>, Vec<ConfirmStatus>)> {
        let messages: Vec<&Outgoing> =
            results.iter().map(QueuedResult::message).chain(copies).collect();
        let published = self.publisher.publish_allowing_unconfirmed(&messages, true).await;
        let mut statuses = published.inspect_err(|_| record_unknown(messages.len()))?;
        if statuses.contains(&ConfirmStatus::Confirmed) {
            self.routes.confirmed(tokio::time::Instant::now());
        }
        let copy_statuses = statuses.split_off(results.len());
        Ok((statuses, copy_statuses))
    }

    /// Whether all was confirmed.
    async fn settle(&mut self, settlement: Settlement) -> bool {
        let Settlement { acknowledged, unconfirmed } = settlement;
        failpoint::hit(Point::AfterConfirm);
        record_lost_acks(self.settler.ack(&acknowledged).await);
        failpoint::hit(Point::AtAck);
        if unconfirmed.is_empty() {
            return true;
        }
        tracing::warn!(
            unconfirmed = unconfirmed.len(),
            "window not confirmed in time, though the broker answers; sending a canary to each of its routes"
        );
        self.canaries.hold(unconfirmed).await;
        false
    }
}
