//! Publishes requests of many callers, each answered by its own confirm. While the broker is away or blocked,
//! callers are refused at once.
//!
//! Two slots publish in windows: one gathers the next window while the other waits for its confirms.

use super::publisher_task::{Acceptance, BrokerConfig, PublisherTask, Submission};
use crate::broker;
use crate::broker::publish::message::Outgoing;
use crate::gauges::Gauges;
use secrecy::SecretString;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

const SLOTS: usize = 2;
/// Most messages that wait for a window; callers beyond that get 503.
const SUBMISSIONS_MAX: usize = 4_096;

/// Spreads messages over the slots that are open.
pub(crate) struct RequestPublisher {
    slots: Vec<Slot>,
    next: AtomicUsize,
}

struct Slot {
    submissions: mpsc::Sender<Submission>,
    is_open: Arc<AtomicBool>,
}

impl RequestPublisher {
    /// Begins to connect.
    ///
    /// # Errors
    /// When the broker's URL can't be read.
    pub(super) fn open(
        amqp_url: &SecretString,
        queue_bytes_max: u64,
        gauges: &Gauges,
        tasks: &mut JoinSet<Option<()>>,
        stop: &CancellationToken,
    ) -> broker::Result<Self> {
        let pool = broker::pool(amqp_url, "redeemq ingress: requests", SLOTS)?;
        broker::measure(gauges, "requests", pool.clone());
        metrics::gauge!("redeemq_gates_open").set(0.0);
        let mut slots = Vec::with_capacity(SLOTS);
        for _ in 0..SLOTS {
            let (sender, submissions) = mpsc::channel(SUBMISSIONS_MAX / SLOTS);
            let is_open = Arc::new(AtomicBool::new(false));
            let (amqp_url, pool) = (amqp_url.clone(), pool.clone());
            let config = BrokerConfig { amqp_url, queue_bytes_max, pool };
            let task = PublisherTask { config, submissions, is_open: Arc::clone(&is_open) };
            tasks.spawn(stop.clone().run_until_cancelled_owned(task.run()));
            slots.push(Slot { submissions: sender, is_open });
        }
        Ok(Self { slots, next: AtomicUsize::new(0) })
    }

    /// Whether a message would be tried.
    pub(super) fn is_open(&self) -> bool {
        self.slots.iter().any(|slot| slot.is_open.load(Ordering::Relaxed))
    }

    /// Publishes one message. A caller who hangs up does not stop it.
    pub(super) async fn publish(&self, message: Outgoing) -> Acceptance {
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        let turns = (0..self.slots.len()).map(|i| (turn + i) % self.slots.len());
        let mut open =
            turns.map(|i| &self.slots[i]).filter(|slot| slot.is_open.load(Ordering::Relaxed));
        let Some(slot) = open.next() else {
            return Acceptance::Refused("the broker is away or blocked");
        };
        let (acceptance, answered) = oneshot::channel();
        if slot.submissions.try_send(Submission { message, acceptance }).is_err() {
            return Acceptance::Refused("too many requests wait for the broker");
        }
        answered.await.unwrap_or(Acceptance::Unknown)
    }
}
