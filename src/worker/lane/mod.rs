//! One lane: a consumer, the database, a publisher, and the supervisor that begins anew.

mod batches;
mod begin;
mod end;

use crate::broker::consume::consumer::Consumer;
use crate::broker::publish::publisher::BlockedStatus;
use crate::broker::topology::lanes::Source;
use crate::broker::{BrokerError, Result};
use crate::retry::Pauses;
use crate::worker::batch::delivery::Delivery;
use crate::worker::batch::gatherer::Gatherer;
use crate::worker::context::Context;
use crate::worker::metrics::lane::{record_consuming, record_idle, record_parked};
use crate::worker::parked::lock_wait_queue::LockWaitQueue;
use crate::worker::publish::pending_result::PendingResult;
use crate::worker::publish::result_publisher::ResultPublisher;
use crate::worker::redelivery::dead_letterer::DeadLetterer;
use crate::worker::redelivery::poison_suspects::PoisonSuspects;
use begin::Prefetch;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Deliveries taken ahead: one batch publishing, one in the database, one arriving.
const BATCHES_AHEAD: usize = 3;
/// How long nothing must come before a lane believes that nothing will.
const IDLE: Duration = Duration::from_millis(250);
/// Most consumers that a lane opens on top of one another, each when all that was sent ahead to those
/// before waits for rows that others hold.
const CONSUMERS_MAX: usize = 10;
/// After this time whatever ended the session before is not going to end this one.
const GOES_WELL_AFTER: Duration = Duration::from_secs(5);
/// The pause before what ended a session is charged alone: the broker bounds how often there is one.
const ONE_BY_ONE_PAUSE: Duration = Duration::from_millis(10);

/// Runs sessions until told to stop.
pub async fn supervise(context: Arc<Context>, stop: CancellationToken) {
    let mut pauses = Pauses::new();
    let mut start = Start::Usual;
    record_idle(&context);
    while !stop.is_cancelled() {
        let begun = std::time::Instant::now();
        let error = match session(&context, start, &stop).await {
            Ok(()) => break,
            Err(BrokerError::NoLane(number)) if number > context.settings.lanes.unwrap_or(0) => {
                tracing::info!(number, "the lane was deleted, and nobody wants it back");
                break;
            }
            Err(error) => error,
        };
        metrics::counter!("redeemq_sessions_lost_total").increment(1);
        record_consuming(&context, false);
        record_parked(&context, 0, 0);
        context.hand.holds(std::iter::empty());
        let was_short = begun.elapsed() < GOES_WELL_AFTER;
        if !was_short {
            pauses.reset();
        }
        // The next session of the common queues looks for itself; a lane's can't before it is too late.
        let unfinished = was_short && start == Start::OneByOne && context.source != Source::Common;
        let one_by_one = error.wants_one_by_one();
        start = if one_by_one || unfinished { Start::OneByOne } else { Start::Usual };
        let pause = if one_by_one { ONE_BY_ONE_PAUSE } else { pauses.draw() };
        tracing::warn!(%error, pause_ms = pause.as_millis() as u64, "the lane lost its broker and will reconnect");
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = stop.cancelled() => {}
        }
    }
    record_consuming(&context, false);
}

/// How a session begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Start {
    /// With one delivery of each queue.
    Usual,
    /// With all that had been sent ahead to the session before, one by one, so that each is charged alone
    /// for what it does. Where the client library could not read one of them and gave up its
    /// connection, only attempts rid us of that one: the broker takes it away over its own limit.
    OneByOne,
}

/// From connecting to the first fault, or to the end of the drain.
async fn session(context: &Arc<Context>, start: Start, stop: &CancellationToken) -> Result<()> {
    let settings = &context.settings;
    let prefetch = u16::try_from(settings.batch_max * BATCHES_AHEAD).unwrap_or(u16::MAX);
    let declare = (start == Start::Usual).then_some(settings.queue_bytes_max);
    let consumer = Consumer::connect(&settings.amqp_url, context.source, declare).await?;
    let held_max = usize::from(prefetch / 4);
    let publisher = ResultPublisher::open(
        &context.publishers,
        &context.max_message_size,
        &context.route_circuits,
        consumer.settler(),
        held_max,
    )
    .await?;

    let lane = context.source.label();
    tracing::info!(%lane, batch_max = settings.batch_max, prefetch, "consuming");

    let (sender, receiver) = mpsc::channel(1);
    let pressure = publisher.blocked_status();
    let publishing = tokio::spawn(publisher.publish(receiver));
    let mut lane = Lane {
        context: Arc::clone(context),
        consumer,
        gatherer: Gatherer::new(settings.batch_max),
        ahead: Prefetch::of(prefetch),
        consumers: 1,
        dead_letterer: DeadLetterer::new(Arc::clone(context)),
        suspects: PoisonSuspects::none(),
        waiting: LockWaitQueue::default(),
        given_up: Vec::new(),
        pressure,
        sender,
        publishing,
    };
    let taken = lane.take(start, stop).await;
    lane.finish(taken, stop).await
}

struct Lane {
    context: Arc<Context>,
    consumer: Consumer,
    gatherer: Gatherer,
    ahead: Prefetch,
    /// Consumers of each queue, one after another; each has let its deliveries wait for held rows.
    consumers: usize,
    dead_letterer: DeadLetterer,
    suspects: PoisonSuspects,
    waiting: LockWaitQueue,
    /// Taken, and not tried because the session was to end.
    given_up: Vec<Delivery>,
    /// That of the publisher.
    pressure: BlockedStatus,
    sender: mpsc::Sender<Vec<PendingResult>>,
    publishing: JoinHandle<Result<()>>,
}

impl Lane {
    /// Takes batches until told to stop, then what has been sent already.
    async fn take(&mut self, start: Start, stop: &CancellationToken) -> Result<()> {
        self.begin(start, stop).await?;
        loop {
            tokio::select! {
                batch = gather(&mut self.gatherer, &mut self.consumer, &self.sender) => {
                    self.process(batch?, stop).await?;
                }
                done = self.waiting.outcome(&self.context, stop), if !self.waiting.is_empty() => {
                    self.hand_on(done, Vec::new()).await;
                }
                () = self.suspects.due(), if !self.suspects.is_empty() => {
                    let suspects = self.suspects.take();
                    self.process(suspects, stop).await?;
                }
                () = self.ahead.grows(), if self.ahead.is_careful() => self.send_all_ahead().await?,
                () = tokio::time::sleep(IDLE), if self.is_crowded() => self.widen().await?,
                // With results in both hands no batch is begun that would notice.
                () = batches::blocked(&self.pressure) => {
                    self.unblocked(stop).await;
                }
                () = stop.cancelled() => break,
                () = self.sender.closed() => return Ok(()),
            }
        }
        self.drain(stop).await
    }

    /// Whether the deliveries sent ahead may all be waiting for held rows.
    fn is_crowded(&self) -> bool {
        let ahead = usize::from(self.ahead.now()) * self.consumers;
        self.consumers < CONSUMERS_MAX && self.waiting.len() > ahead / 2
    }

    /// Nothing came for a while, though more may be there: those who wait shall not keep others out.
    async fn widen(&mut self) -> Result<()> {
        self.consumers += 1;
        tracing::warn!(
            waiting = self.waiting.len(),
            "jobs that wait for held rows fill what is sent ahead: more is taken"
        );
        self.send_all_ahead().await
    }
}

/// The next batch, once the publisher has taken the one before last. Gathered any earlier it would be
/// decided and wait, and what comes meanwhile would need a batch of its own.
async fn gather(
    gatherer: &mut Gatherer,
    consumer: &mut Consumer,
    sender: &mpsc::Sender<Vec<PendingResult>>,
) -> Result<Vec<Delivery>> {
    match sender.reserve().await {
        Ok(_room) => gatherer.gather(consumer).await,
        // Whoever waits for its end is told beside this.
        Err(_ended) => pending().await,
    }
}
