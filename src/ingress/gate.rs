//! The way to the broker: requests of many callers, published in windows, each answered by its own
//! confirm. While the broker is away or blocked, callers are told so at once.

use super::Settings;
use crate::broker::publisher::{Outgoing, Publisher, Receipt};
use crate::broker::{self, Pool, topology};
use crate::retry::Pauses;
use secrecy::SecretString;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Publishers: one gathers the next window while the other waits for its confirms.
const PUBLISHERS: usize = 2;
/// Most messages in a window.
const WINDOW_MAX: usize = 256;
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

struct Waiting {
    message: Outgoing,
    passed: oneshot::Sender<Passed>,
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
        tasks: &TaskTracker,
        stop: &CancellationToken,
    ) -> broker::Result<Self> {
        let pool = broker::pool(&settings.amqp_url, "redeemq ingress: requests", PUBLISHERS)?;
        let mut publishers = Vec::with_capacity(PUBLISHERS);
        for _ in 0..PUBLISHERS {
            let (waiting, receiver) = mpsc::channel(WAITING_MAX / PUBLISHERS);
            let is_open = Arc::new(AtomicBool::new(false));
            let keeper = Keeper {
                amqp_url: settings.amqp_url.clone(),
                queue_bytes_max: settings.queue_bytes_max,
                pool: pool.clone(),
                waiting: receiver,
                is_open: Arc::clone(&is_open),
            };
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

/// Keeps one publisher going.
struct Keeper {
    amqp_url: SecretString,
    queue_bytes_max: u64,
    pool: Pool,
    waiting: mpsc::Receiver<Waiting>,
    is_open: Arc<AtomicBool>,
}

impl Keeper {
    async fn keep(mut self) {
        let mut pauses = Pauses::new();
        loop {
            match self.connect().await {
                Ok(publisher) => {
                    tracing::info!("publishing");
                    pauses.reset();
                    self.is_open.store(true, Ordering::Relaxed);
                    self.publish(&publisher).await;
                    self.is_open.store(false, Ordering::Relaxed);
                    publisher.discard();
                }
                Err(error) => {
                    tracing::warn!(%error, "no way to the broker: callers are told to retry")
                }
            }
            metrics::counter!("redeemq_publisher_reconnects_total").increment(1);
            self.refuse_waiting();
            tokio::time::sleep(pauses.draw()).await;
        }
    }

    async fn connect(&self) -> broker::Result<Publisher> {
        let connection = broker::connect(&self.amqp_url, "redeemq ingress: topology").await?;
        let declared = topology::declare(&connection, self.queue_bytes_max).await;
        broker::close(connection).await;
        declared?;
        Publisher::open(&self.pool).await
    }

    fn refuse_waiting(&mut self) {
        while let Ok(waiting) = self.waiting.try_recv() {
            let _ = waiting.passed.send(Passed::Refused("the broker is away"));
        }
    }

    /// Publishes windows until the connection fails.
    async fn publish(&mut self, publisher: &Publisher) {
        let mut window: Vec<Waiting> = Vec::with_capacity(WINDOW_MAX);
        let mut check = tokio::time::interval(std::time::Duration::from_millis(200));
        loop {
            let taken = tokio::select! {
                taken = self.waiting.recv_many(&mut window, WINDOW_MAX) => taken,
                _ = check.tick() => {
                    self.is_open.store(!publisher.is_blocked(), Ordering::Relaxed);
                    if publisher.is_usable() { continue } else { return }
                }
            };
            if taken == 0 {
                return;
            }
            if publisher.is_blocked() {
                self.is_open.store(false, Ordering::Relaxed);
                answer_all(&mut window, Passed::Refused("the broker is blocked"));
                continue;
            }
            let messages: Vec<Outgoing> = window.iter().map(|w| w.message.clone()).collect();
            match publisher.publish(&messages, false).await {
                Ok(receipts) => {
                    for (waiting, receipt) in window.drain(..).zip(receipts) {
                        let _ = waiting.passed.send(passed(receipt));
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, jobs = taken, "a window was not confirmed: its callers are told that its fate is unknown");
                    metrics::counter!("redeemq_confirms_unknown_total").increment(taken as u64);
                    answer_all(&mut window, Passed::Unknown);
                    return;
                }
            }
        }
    }
}

fn passed(receipt: Receipt) -> Passed {
    match receipt {
        Receipt::Confirmed => Passed::Confirmed,
        Receipt::Returned => Passed::Refused("no queue takes requests"),
        Receipt::Refused => Passed::Refused("the request queue is full"),
    }
}

fn answer_all(window: &mut Vec<Waiting>, passed: Passed) {
    for waiting in window.drain(..) {
        let _ = waiting.passed.send(passed);
    }
}
