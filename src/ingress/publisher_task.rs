//! Drives one publisher slot: connects, publishes windows, and answers each caller with its own confirm.
//!
//! A broker that is away, blocked or silent is noticed within a second; callers are refused until it is back.

use super::slot::{AWAY, BLOCKED, Event, Health, SlotState};
use crate::broker::publish::message::{ConfirmStatus, MaxMessageSize, Outgoing};
use crate::broker::publish::publisher::Publisher;
use crate::broker::{self, BrokerError, Pool, topology};
use crate::retry::Pauses;
use secrecy::SecretString;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep, timeout};

/// Most messages in a window.
const WINDOW_MAX: usize = 256;
/// How often an idle or blocked slot checks its connection.
const CHECK_EVERY: Duration = Duration::from_millis(200);
/// After this time without confirms the broker is asked for a sign of life. Together with the time for that
/// answer it stays below the second within which a caller is told.
const SLOW: Duration = Duration::from_millis(200);

/// Longest pause while nobody has declared what requests are published to: each try costs the broker two
/// refused calls, and a line of its log for each.
const UNDECLARED: Duration = Duration::from_secs(10);

/// Whether the broker accepted a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Acceptance {
    Confirmed,
    /// The broker does not have it: away, blocked, full, or without a queue for it.
    Refused(&'static str),
    /// It may have it.
    Unknown,
}

/// A message, and the caller that waits for its confirm.
pub(super) struct Submission {
    pub(super) message: Outgoing,
    pub(super) acceptance: oneshot::Sender<Acceptance>,
}

/// How to reach the broker, and what must be declared there.
pub(super) struct BrokerConfig {
    pub(super) amqp_url: SecretString,
    /// Bytes that may wait in a request queue.
    pub(super) queue_bytes_max: u64,
    pub(super) pool: Pool,
}

impl BrokerConfig {
    async fn connect(&self) -> broker::Result<Publisher> {
        let connection = broker::connect(&self.amqp_url, "redeemq ingress: topology").await?;
        let declared = topology::declare(&connection, self.queue_bytes_max).await;
        broker::close(connection).await;
        declared?;
        Publisher::open(&self.pool, MaxMessageSize::default()).await
    }
}

/// Drives one slot.
pub(super) struct PublisherTask {
    pub(super) config: BrokerConfig,
    pub(super) submissions: mpsc::Receiver<Submission>,
    /// Whether callers may submit.
    pub(super) is_open: Arc<AtomicBool>,
}

impl PublisherTask {
    /// Runs until the last sender of submissions is gone.
    pub(super) async fn run(mut self) {
        let mut pauses = Pauses::new();
        let mut undeclared = Pauses::up_to(UNDECLARED);
        while !self.submissions.is_closed() {
            let connecting = self.config.connect();
            let pause = match refuse_during(&mut self.submissions, AWAY, connecting).await {
                Ok(publisher) => {
                    tracing::info!("connected to the broker; publishing requests");
                    pauses.reset();
                    undeclared.reset();
                    self.serve(&publisher).await;
                    publisher.discard();
                    pauses.draw()
                }
                Err(error) => {
                    tracing::warn!(%error, "can't connect to the broker; callers get 503");
                    let is_undeclared = matches!(error, BrokerError::Absent(_));
                    if is_undeclared { undeclared.draw() } else { pauses.draw() }
                }
            };
            metrics::counter!("redeemq_publisher_reconnects_total").increment(1);
            refuse_during(&mut self.submissions, AWAY, sleep(pause)).await;
        }
    }

    /// Uses one connection from its opening until the slot is away again.
    async fn serve(&mut self, publisher: &Publisher) {
        let open_slots = metrics::gauge!("redeemq_gates_open");
        let mut window = Window::new();
        let mut state = SlotState::Away.after(Event::Connected);
        self.is_open.store(true, Ordering::Relaxed);
        open_slots.increment(1.0);
        while state == SlotState::Open {
            state = state.after(self.publish(&mut window, publisher).await);
        }
        self.is_open.store(false, Ordering::Relaxed);
        open_slots.decrement(1.0);
        let begun = Instant::now();
        let was_blocked = state == SlotState::Blocked;
        while state == SlotState::Blocked {
            refuse_during(&mut self.submissions, BLOCKED, sleep(CHECK_EVERY)).await;
            state = state.after(Event::Checked(health(publisher)));
        }
        if was_blocked {
            metrics::histogram!("redeemq_broker_blocked_seconds", "part" => "ingress")
                .record(begun.elapsed().as_secs_f64());
        }
    }

    /// Publishes what has arrived; when nothing does, only checks the connection.
    async fn publish(&mut self, window: &mut Window, publisher: &Publisher) -> Event {
        let receiving = self.submissions.recv_many(&mut window.submissions, WINDOW_MAX);
        let received = timeout(CHECK_EVERY, receiving).await;
        let (messages, callers): (Vec<Outgoing>, Vec<_>) =
            window.submissions.drain(..).map(|s| (s.message, s.acceptance)).unzip();
        let checked = Event::Checked(match received {
            // Nobody is left to publish for.
            Ok(0) => Health { is_blocked: false, is_usable: false },
            Ok(_) | Err(_) => health(publisher),
        });
        if let Some(reason) = SlotState::Open.after(checked).refusal() {
            answer_all(callers, Acceptance::Refused(reason));
            return checked;
        }
        if messages.is_empty() {
            return checked;
        }
        let begun = Instant::now();
        let publishing = publisher.publish(&messages, false);
        match while_alive(publishing, || publisher.ask()).await {
            Ok(statuses) => {
                window.confirm_seconds.record(begun.elapsed().as_secs_f64());
                for (caller, status) in callers.into_iter().zip(statuses) {
                    let _ = caller.send(acceptance(status));
                }
                checked
            }
            Err(error) => {
                let jobs = callers.len();
                tracing::warn!(%error, jobs, "publisher confirms did not arrive; callers get 503 with accepted unknown");
                metrics::counter!("redeemq_confirms_unknown_total", "of" => "requests")
                    .increment(jobs as u64);
                answer_all(callers, Acceptance::Unknown);
                Event::Unconfirmed(health(publisher))
            }
        }
    }
}

/// Room for a window, used again for each.
struct Window {
    submissions: Vec<Submission>,
    confirm_seconds: metrics::Histogram,
}

impl Window {
    fn new() -> Self {
        let confirm_seconds = metrics::histogram!("redeemq_confirm_seconds");
        Self { submissions: Vec::with_capacity(WINDOW_MAX), confirm_seconds }
    }
}

fn health(publisher: &Publisher) -> Health {
    Health { is_blocked: publisher.is_blocked(), is_usable: publisher.is_usable() }
}

/// Refuses callers until something else is done. Some slip in before they see that the slot is not open.
async fn refuse_during<T>(
    submissions: &mut mpsc::Receiver<Submission>,
    reason: &'static str,
    doing: impl Future<Output = T>,
) -> T {
    tokio::pin!(doing);
    loop {
        tokio::select! {
            done = &mut doing => return done,
            Some(refused) = submissions.recv() => {
                let _ = refused.acceptance.send(Acceptance::Refused(reason));
            }
        }
    }
}

/// Waits for confirms as long as the broker shows signs of life: it may be slow, but not silent.
async fn while_alive<T, E, A: Future<Output = Result<(), E>>>(
    publishing: impl Future<Output = Result<T, E>>,
    ask: impl Fn() -> A,
) -> Result<T, E> {
    tokio::pin!(publishing);
    loop {
        tokio::select! {
            confirmed = &mut publishing => return confirmed,
            () = sleep(SLOW) => {}
        }
        tokio::select! {
            confirmed = &mut publishing => return confirmed,
            answered = ask() => answered?,
        }
    }
}

fn acceptance(status: ConfirmStatus) -> Acceptance {
    let (why, reason) = match status {
        ConfirmStatus::Confirmed => return Acceptance::Confirmed,
        ConfirmStatus::Unconfirmed => return Acceptance::Unknown,
        ConfirmStatus::Returned => ("unrouted", "no queue takes requests"),
        ConfirmStatus::Refused => ("full", "the request queue is full"),
        ConfirmStatus::TooLarge => ("too_large", "the broker takes no message of this size"),
    };
    metrics::counter!("redeemq_requests_returned_total", "why" => why).increment(1);
    Acceptance::Refused(reason)
}

fn answer_all(callers: Vec<oneshot::Sender<Acceptance>>, acceptance: Acceptance) {
    for caller in callers {
        let _ = caller.send(acceptance);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::{BasicProperties, short_string};
    use std::cell::Cell;
    use std::future::{pending, ready};

    fn submission() -> (Submission, oneshot::Receiver<Acceptance>) {
        let (acceptance, answered) = oneshot::channel();
        let message = Outgoing {
            exchange: "",
            routing_key: short_string("goods"),
            mandatory: true,
            properties: BasicProperties::default(),
            body: Vec::new().into(),
        };
        (Submission { message, acceptance }, answered)
    }

    #[tokio::test]
    async fn callers_who_slip_in_are_refused_until_the_slot_goes_on() {
        let (sender, mut submissions) = mpsc::channel(4);
        let (first, told) = submission();
        sender.send(first).await.expect("room");
        let waiting = refuse_during(&mut submissions, BLOCKED, told);
        assert_eq!(waiting.await, Ok(Acceptance::Refused(BLOCKED)));
        let (next, _told) = submission();
        sender.send(next).await.expect("room");
        assert_eq!(refuse_during(&mut submissions, AWAY, ready(7)).await, 7);
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_broker_is_asked_for_signs_of_life_until_the_confirms_come() {
        let asked = Cell::new(0);
        let publishing = async {
            while asked.get() < 3 {
                sleep(Duration::from_millis(10)).await;
            }
            Ok::<_, ()>("confirmed")
        };
        let ask = || {
            asked.set(asked.get() + 1);
            ready(Ok(()))
        };
        assert_eq!(while_alive(publishing, ask).await, Ok("confirmed"));
        assert_eq!(asked.get(), 3);
    }

    #[tokio::test]
    async fn a_broker_that_confirms_in_time_is_not_asked() {
        let asking = || -> std::future::Ready<Result<(), ()>> { panic!("asked") };
        assert_eq!(while_alive(ready(Ok(7)), asking).await, Ok(7));
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_broker_ends_the_wait() {
        let silent = while_alive(pending::<Result<(), _>>(), || ready(Err("silent")));
        assert_eq!(timeout(SLOW * 10, silent).await, Ok(Err("silent")));
    }

    #[tokio::test(start_paused = true)]
    async fn confirms_count_even_when_they_come_while_the_broker_is_asked() {
        let publishing = async {
            sleep(SLOW + Duration::from_millis(20)).await;
            Ok::<_, ()>("confirmed")
        };
        let confirmed = timeout(SLOW * 10, while_alive(publishing, pending)).await;
        assert_eq!(confirmed, Ok(Ok("confirmed")));
    }

    #[test]
    fn only_a_confirm_is_one_and_only_silence_is_unknown() {
        let refused = |status| matches!(acceptance(status), Acceptance::Refused(_));
        assert_eq!(acceptance(ConfirmStatus::Confirmed), Acceptance::Confirmed);
        assert_eq!(acceptance(ConfirmStatus::Unconfirmed), Acceptance::Unknown);
        assert!(
            [ConfirmStatus::Returned, ConfirmStatus::Refused, ConfirmStatus::TooLarge]
                .into_iter()
                .all(refused)
        );
    }
}
