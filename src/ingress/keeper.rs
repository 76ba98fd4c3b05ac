//! Keeps one publisher of the gate going, and notices within a second that the broker is away,
//! blocked or silent: whoever waits is told then, and nobody is let in until it is back.

use super::gate::Passed;
use crate::broker::publish::message::{ConfirmStatus, MaxMessageSize, Outgoing};
use crate::broker::publish::publisher::Publisher;
use crate::broker::{self, Pool, topology};
use crate::retry::Pauses;
use secrecy::SecretString;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, interval, sleep};

/// Most messages in a window.
const WINDOW_MAX: usize = 256;
/// How often an idle publisher looks after its connection.
const CHECK_EVERY: Duration = Duration::from_millis(200);
/// A window that waits longer for its confirms than this makes us ask whether the broker is there at
/// all. Together with the time for that answer it leaves room below the second in which a caller
/// shall be told.
const SLOW: Duration = Duration::from_millis(200);

const AWAY: &str = "the broker is away";
const BLOCKED: &str = "the broker is blocked";

/// Told once what became of his message.
pub type Caller = oneshot::Sender<Passed>;

/// A message, and who waits to hear what became of it.
pub struct Waiting {
    /// The message.
    pub message: Outgoing,
    /// The one who waits.
    pub passed: Caller,
}

/// Where the broker is, and what it must have.
pub struct Road {
    /// The broker.
    pub amqp_url: SecretString,
    /// Bytes that may wait in a request queue.
    pub queue_bytes_max: u64,
    /// Connections to publish on.
    pub pool: Pool,
}

impl Road {
    async fn connect(&self) -> broker::Result<Publisher> {
        let connection = broker::connect(&self.amqp_url, "redeemq ingress: topology").await?;
        let declared = topology::declare(&connection, self.queue_bytes_max).await;
        broker::close(connection).await;
        declared?;
        Publisher::open(&self.pool, MaxMessageSize::default()).await
    }
}

/// Keeps one publisher going.
pub struct Keeper {
    /// The way to the broker.
    pub road: Road,
    /// What comes in.
    pub waiting: mpsc::Receiver<Waiting>,
    /// Whether more shall be let in.
    pub is_open: Arc<AtomicBool>,
}

impl Keeper {
    /// Connects, publishes until that ends, and begins anew.
    pub async fn keep(mut self) {
        let mut pauses = Pauses::new();
        let open = metrics::gauge!("redeemq_gates_open");
        loop {
            match refusing(&mut self.waiting, AWAY, self.road.connect()).await {
                Ok(publisher) => {
                    tracing::info!("publishing");
                    pauses.reset();
                    self.is_open.store(true, Ordering::Relaxed);
                    open.increment(1.0);
                    self.publish(&publisher).await;
                    self.is_open.store(false, Ordering::Relaxed);
                    open.decrement(1.0);
                    refusing(&mut self.waiting, BLOCKED, unblocked(&publisher)).await;
                    publisher.discard();
                }
                Err(error) => {
                    tracing::warn!(%error, "no way to the broker: callers are told to retry")
                }
            }
            metrics::counter!("redeemq_publisher_reconnects_total").increment(1);
            refusing(&mut self.waiting, AWAY, sleep(pauses.draw())).await;
        }
    }

    /// Publishes windows until the broker fails or blocks us.
    async fn publish(&mut self, publisher: &Publisher) {
        let mut window: Vec<Waiting> = Vec::with_capacity(WINDOW_MAX);
        let mut check = interval(CHECK_EVERY);
        let confirms = metrics::histogram!("redeemq_confirm_seconds");
        loop {
            let taken = tokio::select! {
                taken = self.waiting.recv_many(&mut window, WINDOW_MAX) => Some(taken),
                _ = check.tick() => None,
            };
            let (messages, callers): (Vec<Outgoing>, Vec<Caller>) =
                window.drain(..).map(|waiting| (waiting.message, waiting.passed)).unzip();
            if publisher.is_blocked() {
                return answer_all(callers, Passed::Refused(BLOCKED));
            }
            if !publisher.is_usable() {
                return answer_all(callers, Passed::Refused(AWAY));
            }
            match taken {
                None => continue,
                Some(0) => return,
                Some(_) => {}
            }
            let begun = Instant::now();
            match confirmed(publisher, &messages).await {
                Ok(receipts) => {
                    confirms.record(begun.elapsed().as_secs_f64());
                    for (caller, receipt) in callers.into_iter().zip(receipts) {
                        let _ = caller.send(passed(receipt));
                    }
                }
                Err(error) => {
                    let jobs = callers.len();
                    tracing::warn!(%error, jobs, "a window was not confirmed: its callers are told that its fate is unknown");
                    metrics::counter!("redeemq_confirms_unknown_total", "of" => "requests")
                        .increment(jobs as u64);
                    return answer_all(callers, Passed::Unknown);
                }
            }
        }
    }
}

/// Does something else, and refuses meanwhile whoever slipped in before the gate was shut.
async fn refusing<T>(
    waiting: &mut mpsc::Receiver<Waiting>,
    reason: &'static str,
    doing: impl Future<Output = T>,
) -> T {
    tokio::pin!(doing);
    loop {
        tokio::select! {
            done = &mut doing => return done,
            Some(refused) = waiting.recv() => {
                let _ = refused.passed.send(Passed::Refused(reason));
            }
        }
    }
}

/// Waits for the end of a block on the connection that was told of it. A new one would be told only
/// after it has published, so each would let a window in whose fate nobody knows.
async fn unblocked(publisher: &Publisher) {
    if !publisher.is_blocked() {
        return;
    }
    let begun = Instant::now();
    while publisher.is_blocked() && publisher.is_usable() {
        sleep(CHECK_EVERY).await;
    }
    metrics::histogram!("redeemq_broker_blocked_seconds", "part" => "ingress")
        .record(begun.elapsed().as_secs_f64());
}

/// Publishes a window, for as long as the broker shows signs of life: it may be slow, but it may not
/// be silent.
async fn confirmed(
    publisher: &Publisher,
    messages: &[Outgoing],
) -> broker::Result<Vec<ConfirmStatus>> {
    let publishing = publisher.publish(messages, false);
    tokio::pin!(publishing);
    loop {
        tokio::select! {
            receipts = &mut publishing => return receipts,
            () = sleep(SLOW) => {}
        }
        tokio::select! {
            receipts = &mut publishing => return receipts,
            answered = publisher.ask() => answered?,
        }
    }
}

fn passed(receipt: ConfirmStatus) -> Passed {
    let (why, words) = match receipt {
        ConfirmStatus::Confirmed => return Passed::Confirmed,
        ConfirmStatus::Unconfirmed => return Passed::Unknown,
        ConfirmStatus::Returned => ("unrouted", "no queue takes requests"),
        ConfirmStatus::Refused => ("full", "the request queue is full"),
        ConfirmStatus::TooLarge => ("too_large", "the broker takes no message of this size"),
    };
    metrics::counter!("redeemq_requests_returned_total", "why" => why).increment(1);
    Passed::Refused(words)
}

fn answer_all(callers: Vec<Caller>, passed: Passed) {
    for caller in callers {
        let _ = caller.send(passed);
    }
}
