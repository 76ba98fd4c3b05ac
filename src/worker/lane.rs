//! One lane: a consumer, the database, a publisher, and the supervisor that begins anew.

use super::Context;
use super::batch::{Asks, Gatherer, Item};
use super::parcel::Parcel;
use super::process::{self, Processed};
use super::publish::Post;
use super::suspects::Suspects;
use super::undertaker::Undertaker;
use super::waiting::Waiting;
use crate::broker::consumer::Consumer;
use crate::broker::lanes::Source;
use crate::broker::publisher::Pressure;
use crate::broker::{BrokerError, Result};
use crate::retry::Pauses;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

/// Deliveries taken ahead: one batch publishing, one in the database, one arriving.
const BATCHES_AHEAD: usize = 3;
/// How long a stopping lane works off what it has been sent, before it leaves the rest to others.
const DRAIN_MAX: Duration = Duration::from_secs(4);
/// How long nothing must come before a lane believes that nothing will.
const IDLE: Duration = Duration::from_millis(250);
/// Most consumers that a lane opens on top of one another, each when all that was sent ahead to those
/// before waits for rows that others hold.
const CONSUMERS_MAX: usize = 10;
/// How often a lane looks whether the broker takes results again.
const BLOCKED_CHECK: Duration = Duration::from_millis(100);
/// The pause after a delivery that can't be read: the broker bounds how often there is one.
const UNREADABLE_PAUSE: Duration = Duration::from_millis(10);

/// Runs sessions until told to stop.
pub async fn supervise(context: Arc<Context>, stop: CancellationToken) {
    let mut pauses = Pauses::new();
    let mut start = Start::Usual;
    tell_consuming(&context, false);
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
        tell_consuming(&context, false);
        tell_aside(&context, 0, 0);
        if begun.elapsed() > Duration::from_secs(5) {
            pauses.reset();
        }
        start = if error.is_unreadable() { Start::OneByOne } else { Start::Usual };
        let pause = match start {
            Start::Usual => pauses.draw(),
            Start::OneByOne => UNREADABLE_PAUSE,
        };
        tracing::warn!(%error, pause_ms = pause.as_millis() as u64, "the lane lost its broker and will reconnect");
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = stop.cancelled() => {}
        }
    }
    tell_consuming(&context, false);
}

/// How a session begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Start {
    /// With one delivery of each queue.
    Usual,
    /// With all that had been sent ahead to the session before, one by one: the client library could not
    /// read one of them and gave up its connection, which charges all of them with an attempt. Only
    /// attempts rid us of that one, for the broker takes it away over its own limit; and it alone
    /// shall be charged with them.
    OneByOne,
}

/// From connecting to the first fault, or to the end of the drain.
async fn session(context: &Arc<Context>, start: Start, stop: &CancellationToken) -> Result<()> {
    let settings = &context.settings;
    let prefetch = u16::try_from(settings.batch_max * BATCHES_AHEAD).unwrap_or(u16::MAX);
    let declare = (start == Start::Usual).then_some(settings.queue_bytes_max);
    let consumer = Consumer::connect(&settings.amqp_url, context.source, declare).await?;
    let held_max = usize::from(prefetch / 4);
    let (pool, bound, silent) = (&context.publishers, &context.bound, &context.silent);
    let post = Post::open(pool, bound, silent, consumer.settler(), held_max).await?;

    let lane = context.source.label();
    tracing::info!(lane, batch_max = settings.batch_max, prefetch, "consuming");

    let (sender, receiver) = mpsc::channel(1);
    let pressure = post.pressure();
    let publishing = tokio::spawn(post.publish(receiver));
    let mut lane = Lane {
        context: Arc::clone(context),
        consumer,
        gatherer: Gatherer::new(settings.batch_max),
        prefetch,
        consumers: 1,
        undertaker: Undertaker::new(Arc::clone(context)),
        suspects: Suspects::none(),
        waiting: Waiting::default(),
        pressure,
        sender,
        publishing,
    };
    let taken = lane.take(start, stop).await;
    lane.finish(taken).await
}

struct Lane {
    context: Arc<Context>,
    consumer: Consumer,
    gatherer: Gatherer,
    /// Deliveries sent ahead to one consumer.
    prefetch: u16,
    /// Consumers of each queue, one after another; each has let its deliveries wait for held rows.
    consumers: usize,
    undertaker: Undertaker,
    suspects: Suspects,
    waiting: Waiting,
    /// That of the publisher.
    pressure: Pressure,
    sender: mpsc::Sender<Vec<Parcel>>,
    publishing: JoinHandle<Result<()>>,
}

impl Lane {
    /// Takes batches until told to stop, then what has been sent already.
    async fn take(&mut self, start: Start, stop: &CancellationToken) -> Result<()> {
        match self.context.source {
            Source::Common => {
                tell_consuming(&self.context, true);
                let rounds = if start == Start::OneByOne { self.prefetch } else { 1 };
                for _ in 0..rounds {
                    if stop.is_cancelled() || !self.take_first(stop).await? {
                        break;
                    }
                }
                self.consumer.consume(self.prefetch).await?;
            }
            Source::Lane(_) if start == Start::OneByOne => self.take_singly(stop).await?,
            Source::Lane(_) => self.consumer.consume(self.prefetch).await?,
        }
        tell_consuming(&self.context, true);
        loop {
            tokio::select! {
                batch = self.gatherer.gather(&mut self.consumer) => self.process(batch?, stop).await?,
                done = self.waiting.outcome(&self.context, stop), if !self.waiting.is_empty() => {
                    self.hand_on(done, Vec::new()).await;
                }
                () = self.suspects.due(), if !self.suspects.is_empty() => {
                    let suspects = self.suspects.take();
                    self.process(suspects, stop).await?;
                }
                () = tokio::time::sleep(IDLE), if self.is_crowded() => self.widen().await?,
                () = stop.cancelled() => break,
                () = self.sender.closed() => return Ok(()),
            }
        }
        self.drain(stop).await
    }

    /// Whether the deliveries sent ahead may all be waiting for held rows.
    fn is_crowded(&self) -> bool {
        let ahead = usize::from(self.prefetch) * self.consumers;
        self.consumers < CONSUMERS_MAX && self.waiting.len() > ahead / 2
    }

    /// Nothing came for a while, though more may be there: those who wait shall not keep others out.
    async fn widen(&mut self) -> Result<()> {
        self.consumers += 1;
        tracing::warn!(
            waiting = self.waiting.len(),
            "jobs that wait for held rows fill what is sent ahead: more is taken"
        );
        self.consumer.consume_anew(self.prefetch).await
    }

    /// One delivery of each queue to begin with, all the way to its settlement, before more is sent
    /// ahead: if it is what ended the session before this one, it shall end this one alone. Whether
    /// there was any.
    async fn take_first(&mut self, stop: &CancellationToken) -> Result<bool> {
        let settler = self.consumer.settler();
        let mut any = false;
        for queue in self.consumer.queues().to_vec() {
            let Some(received) = self.consumer.first(&queue).await? else { continue };
            any = true;
            self.process(vec![Item::read(received)], stop).await?;
            if self.suspects.is_empty() && self.waiting.is_empty() {
                tokio::select! {
                    () = settler.came_through() => {}
                    () = self.sender.closed() => {}
                    () = stop.cancelled() => {}
                }
            }
        }
        Ok(any)
    }

    /// The same for a lane, whose broker sends to its one consumer only: as many deliveries as had been
    /// sent ahead, each sent when the one before is settled.
    async fn take_singly(&mut self, stop: &CancellationToken) -> Result<()> {
        self.consumer.consume(1).await?;
        for _ in 0..self.prefetch {
            tokio::select! {
                batch = self.gatherer.gather(&mut self.consumer) => self.process(batch?, stop).await?,
                () = tokio::time::sleep(IDLE) => break,
                () = self.sender.closed() => break,
                () = stop.cancelled() => break,
            }
        }
        self.consumer.consume_anew(self.prefetch).await
    }

    /// Works off what has arrived. The time is looked at between batches and never within one: what
    /// is decided must be published.
    async fn drain(&mut self, stop: &CancellationToken) -> Result<()> {
        self.consumer.cancel().await?;
        let deadline = Instant::now() + DRAIN_MAX;
        while Instant::now() < deadline {
            match timeout_at(deadline, self.gatherer.gather(&mut self.consumer)).await {
                Ok(Ok(batch)) => self.process(batch, stop).await?,
                Ok(Err(BrokerError::ConsumerEnded)) | Err(_) => break,
                Ok(Err(error)) => return Err(error),
            }
        }
        while let Ok(done) = timeout_at(deadline, self.waiting.outcome(&self.context, stop)).await
            && !done.is_empty()
        {
            self.hand_on(done, Vec::new()).await;
        }
        Ok(())
    }

    /// Lets the publisher finish, and ends the session.
    async fn finish(self, taken: Result<()>) -> Result<()> {
        drop(self.sender);
        let published = match tokio::time::timeout(DRAIN_MAX, self.publishing).await {
            Ok(Ok(published)) => published,
            Ok(Err(_)) | Err(_) => Err(BrokerError::TimedOut("the last results")),
        };
        // Acks are on their way to the broker until it has answered the close.
        self.consumer.close().await;
        taken.and(published)
    }

    /// One batch: decide what can be decided, and hand on what has to be published.
    async fn process(&mut self, batch: Vec<Item>, stop: &CancellationToken) -> Result<()> {
        if !self.unblocked(stop).await {
            return Ok(());
        }
        self.undertaker.hopes_anew();
        let mut parcels = Vec::with_capacity(batch.len());
        let (mut jobs, mut items) = (Vec::new(), Vec::new());
        for item in batch {
            let Some(item) = self.waiting.admit(item) else { continue };
            match &item.asks {
                Asks::Job(job) => {
                    jobs.push(job.clone());
                    items.push(item);
                }
                Asks::Overdue(_) => match self.undertaker.last_word(item).await {
                    Ok(parcel) => parcels.extend(parcel),
                    Err(item) => self.suspects.wait(item),
                },
                Asks::Nothing(undecodable) => {
                    let reason = undecodable.reason.clone();
                    match self.undertaker.bury(item, "undecodable", &reason).await {
                        Ok(parcel) => parcels.push(parcel),
                        Err(item) => self.suspects.wait(item),
                    }
                }
            }
        }
        let proof = self.suspects.proof;
        let outcomes = process::process(&self.context, jobs, proof, stop).await;
        self.hand_on(items.into_iter().zip(outcomes).collect(), parcels).await;
        Ok(())
    }

    /// Waits while the broker takes no results; whether to go on then. What would be decided meanwhile
    /// could not be told to anybody.
    async fn unblocked(&self, stop: &CancellationToken) -> bool {
        if !self.pressure.is_blocked() {
            return true;
        }
        tracing::warn!("the broker blocks publishers (memory or disk alarm): no batch is begun");
        let blocked =
            metrics::gauge!("redeemq_lane_blocked", "lane" => self.context.source.label());
        blocked.set(1.0);
        let unblocked = async {
            while self.pressure.is_blocked() {
                tokio::time::sleep(BLOCKED_CHECK).await;
            }
        };
        let goes_on = tokio::select! {
            () = unblocked => true,
            () = self.sender.closed() => false,
            () = stop.cancelled() => false,
        };
        blocked.set(0.0);
        goes_on
    }

    /// Each job where its outcome leads it; answers and dead letters to the publisher.
    async fn hand_on(&mut self, outcomes: Vec<(Item, Processed)>, mut parcels: Vec<Parcel>) {
        for (item, outcome) in outcomes {
            match outcome {
                Processed::Answered(answer) => {
                    self.suspects.proof |= answer.is_effective;
                    parcels.extend(item.result(&answer));
                }
                Processed::Poison(error) => {
                    match self.undertaker.bury_poisoned(item, &error).await {
                        Ok(parcel) => parcels.push(parcel),
                        Err(item) => self.suspects.wait(item),
                    }
                }
                Processed::Suspect(error) => {
                    tracing::error!(%error, "a job fails, and no other commits: it waits for proof");
                    self.suspects.add(item);
                }
                Processed::Waits(held) => self.waiting.hold(item, &held),
                Processed::Abandoned => {}
            }
        }
        tell_aside(&self.context, self.waiting.len(), self.suspects.len());
        if !parcels.is_empty() && self.sender.send(parcels).await.is_err() {
            tracing::debug!("the publisher has ended; its error ends the session");
        }
    }
}

fn tell_consuming(context: &Context, consumes: bool) {
    let lane = context.source.label();
    metrics::gauge!("redeemq_lanes_consuming", "lane" => lane).set(f64::from(u8::from(consumes)));
}

fn tell_aside(context: &Context, held: usize, suspects: usize) {
    for (why, jobs) in [("held", held), ("suspect", suspects)] {
        let lane = context.source.label();
        metrics::gauge!("redeemq_jobs_aside", "lane" => lane, "why" => why).set(jobs as f64);
    }
}
