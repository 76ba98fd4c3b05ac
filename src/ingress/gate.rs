//! The way to the broker: requests of many callers, published in windows, each answered by its own
//! confirm. While the broker is away or blocked, callers are told so at once.

use super::Settings;
use super::keeper::{Keeper, Road, Waiting};
use crate::broker;
use crate::broker::publish::message::Outgoing;
use crate::gauges::Gauges;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Publishers: one gathers the next window while the other waits for its confirms.
const PUBLISHERS: usize = 2;
/// Most messages that wait for a window; beyond that, callers are told to come back.
const WAITING_MAX: usize = 4_096;

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passed {
    /// The broker has it.
    Confirmed,
    /// The broker does not have it: away, blocked, full, or without a queue for it.
    Refused(&'static str),
    /// It may have it.
    Unknown,
}

impl Passed {
    /// Why it is not known to be there, if it is not.
    pub fn fault(self) -> Option<&'static str> {
        match self {
            Passed::Confirmed => None,
            Passed::Refused(_) => Some("refused"),
            Passed::Unknown => Some("unknown"),
        }
    }
}

/// The publishers.
pub struct Gate {
    publishers: Vec<Entrance>,
    next: AtomicUsize,
}

struct Entrance {
    waiting: mpsc::Sender<Waiting>,
    is_open: Arc<AtomicBool>,
}

impl Gate {
    /// Begins to connect.
    ///
    /// # Errors
    /// When the broker's URL can't be read.
    pub fn open(
        settings: &Settings,
        gauges: &Gauges,
        tasks: &mut JoinSet<Option<()>>,
        stop: &CancellationToken,
    ) -> broker::Result<Self> {
        let pool = broker::pool(&settings.amqp_url, "redeemq ingress: requests", PUBLISHERS)?;
        broker::measure(gauges, "requests", pool.clone());
        metrics::gauge!("redeemq_gates_open").set(0.0);
        let mut publishers = Vec::with_capacity(PUBLISHERS);
        for _ in 0..PUBLISHERS {
            let (waiting, receiver) = mpsc::channel(WAITING_MAX / PUBLISHERS);
            let is_open = Arc::new(AtomicBool::new(false));
            let road = Road {
                amqp_url: settings.amqp_url.clone(),
                queue_bytes_max: settings.queue_bytes_max,
                pool: pool.clone(),
            };
            let keeper = Keeper { road, waiting: receiver, is_open: Arc::clone(&is_open) };
            tasks.spawn(stop.clone().run_until_cancelled_owned(keeper.keep()));
            publishers.push(Entrance { waiting, is_open });
        }
        Ok(Self { publishers, next: AtomicUsize::new(0) })
    }

    /// Whether a message would be tried.
    pub fn is_open(&self) -> bool {
        self.publishers.iter().any(|entrance| entrance.is_open.load(Ordering::Relaxed))
    }

    /// Publishes one message. A caller who hangs up does not stop it.
    pub async fn pass(&self, message: Outgoing) -> Passed {
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        let turns = (0..self.publishers.len()).map(|i| (turn + i) % self.publishers.len());
        let mut open =
            turns.map(|i| &self.publishers[i]).filter(|e| e.is_open.load(Ordering::Relaxed));
        let Some(entrance) = open.next() else {
            return Passed::Refused("the broker is away or blocked");
        };
        let (passed, passing) = oneshot::channel();
        if entrance.waiting.try_send(Waiting { message, passed }).is_err() {
            return Passed::Refused("too many requests wait for the broker");
        }
        passing.await.unwrap_or(Passed::Unknown)
    }
}
