//! One lane: a consumer, the database, a publisher, and the supervisor that begins anew.

use super::Context;
use super::attempt::Answer;
use super::batch::{Asks, Gatherer, Item};
use super::process::{self, Processed};
use super::publish::{Parcel, publish};
use crate::broker::consumer::Consumer;
use crate::broker::letters;
use crate::broker::publisher::Publisher;
use crate::broker::{BrokerError, Result};
use crate::retry::Pauses;
use crate::store;
use crate::wire::request::Known;
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
/// How long suspects wait for company that could prove them guilty.
const SUSPECT_PAUSE: Duration = Duration::from_secs(1);

/// Runs sessions until told to stop.
pub async fn supervise(context: Arc<Context>, stop: CancellationToken) {
    let mut pauses = Pauses::new();
    while !stop.is_cancelled() {
        let begun = std::time::Instant::now();
        let error = match session(&context, &stop).await {
            Ok(()) => break,
            Err(error) => error,
        };
        metrics::counter!("redeemq_sessions_lost_total").increment(1);
        metrics::gauge!("redeemq_lanes_consuming").set(0.0);
        if begun.elapsed() > Duration::from_secs(5) {
            pauses.reset();
        }
        let pause = pauses.draw();
        tracing::warn!(%error, pause_ms = pause.as_millis(), "the lane lost its broker and will reconnect");
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = stop.cancelled() => {}
        }
    }
    metrics::gauge!("redeemq_lanes_consuming").set(0.0);
}

/// From connecting to the first fault, or to the end of the drain.
async fn session(context: &Arc<Context>, stop: &CancellationToken) -> Result<()> {
    let settings = &context.settings;
    let prefetch = u16::try_from(settings.batch_max * BATCHES_AHEAD).unwrap_or(u16::MAX);
    let publisher = Publisher::open(&context.publishers).await?;
    let consumer = Consumer::connect(&settings.amqp_url, settings.queue_bytes_max).await?;

    tracing::info!(batch_max = settings.batch_max, prefetch, "consuming");
    metrics::gauge!("redeemq_lanes_consuming").set(1.0);

    let (sender, receiver) = mpsc::channel(1);
    let settler = consumer.settler();
    let publishing = tokio::spawn(async move {
        let published = publish(receiver, &publisher, &settler, usize::from(prefetch / 4)).await;
        if published.is_err() {
            publisher.discard();
        }
        published
    });
    let mut lane = Lane {
        context: Arc::clone(context),
        consumer,
        gatherer: Gatherer::new(settings.batch_max),
        prefetch,
        can_note: true,
        suspects: Vec::new(),
        sender,
        publishing,
    };
    let taken = lane.take(stop).await;
    lane.finish(taken).await
}

struct Lane {
    context: Arc<Context>,
    consumer: Consumer,
    gatherer: Gatherer,
    /// Deliveries sent ahead.
    prefetch: u16,
    /// Whether the database takes notes of dead jobs, as far as is known in this batch.
    can_note: bool,
    /// Jobs that failed alone while no other job committed, or that the ledger could not be asked about.
    suspects: Vec<Item>,
    sender: mpsc::Sender<Vec<Parcel>>,
    publishing: JoinHandle<Result<()>>,
}

impl Lane {
    /// Takes batches until told to stop, then what has been sent already.
    async fn take(&mut self, stop: &CancellationToken) -> Result<()> {
        self.take_first(stop).await?;
        self.consumer.consume(self.prefetch).await?;
        loop {
            let batch = tokio::select! {
                batch = self.gatherer.gather(&mut self.consumer) => batch?,
                () = tokio::time::sleep(SUSPECT_PAUSE), if !self.suspects.is_empty() => Vec::new(),
                () = stop.cancelled() => break,
                () = self.sender.closed() => return Ok(()),
            };
            self.process(batch, stop).await?;
        }
        self.drain(stop).await
    }

    /// One delivery to begin with, all the way to its settlement, before more is sent ahead: if it is
    /// what ended the session before this one, it shall end this one alone.
    async fn take_first(&mut self, stop: &CancellationToken) -> Result<()> {
        let settler = self.consumer.settler();
        for received in self.consumer.first().await? {
            self.process(vec![Item::read(received)], stop).await?;
            if self.suspects.is_empty() {
                tokio::select! {
                    () = settler.came_through() => {}
                    () = self.sender.closed() => {}
                    () = stop.cancelled() => {}
                }
            }
        }
        Ok(())
    }

    /// Works off what has arrived. The time is looked at between batches and never within one: what
    /// is decided must be published.
    async fn drain(&mut self, stop: &CancellationToken) -> Result<()> {
        self.consumer.cancel().await?;
        let deadline = Instant::now() + DRAIN_MAX;
        while Instant::now() < deadline {
            match timeout_at(deadline, self.gatherer.gather(&mut self.consumer)).await {
                Ok(Ok(batch)) => self.process(batch, stop).await?,
                Ok(Err(BrokerError::ConsumerEnded)) | Err(_) => return Ok(()),
                Ok(Err(error)) => return Err(error),
            }
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
    async fn process(&mut self, mut batch: Vec<Item>, stop: &CancellationToken) -> Result<()> {
        batch.append(&mut self.suspects);
        self.can_note = true;
        let mut parcels = Vec::with_capacity(batch.len());
        let (mut jobs, mut items) = (Vec::new(), Vec::new());
        for item in batch {
            match &item.asks {
                Asks::Job(job) => {
                    jobs.push(job.clone());
                    items.push(item);
                }
                Asks::Overdue(_) => parcels.extend(self.last_word(item).await),
                Asks::Nothing(undecodable) => {
                    let reason = undecodable.reason.clone();
                    parcels.extend(self.bury(item, "undecodable", &reason).await);
                }
            }
        }
        let processed = process::process(&self.context, jobs, stop).await;
        for (item, processed) in items.into_iter().zip(processed) {
            match processed {
                Processed::Answered(answer) => parcels.extend(result(&item, &answer)),
                Processed::Poison(error) => parcels.extend(self.bury(item, "poison", &error).await),
                Processed::Suspect(error) => {
                    tracing::error!(%error, "a job fails, and no other commits: it waits for proof");
                    self.suspects.push(item);
                }
                Processed::Abandoned => {}
            }
        }
        if !parcels.is_empty() && self.sender.send(parcels).await.is_err() {
            tracing::debug!("the publisher has ended; its error ends the session");
        }
        Ok(())
    }

    /// Tried too often: answered if it was decided after all, else put aside. While the ledger can't
    /// be asked, it waits.
    async fn last_word(&mut self, item: Item) -> Option<Parcel> {
        let Asks::Overdue(job) = &item.asks else { return None };
        match process::look_up(&self.context, job).await {
            Ok(Some(answer)) => result(&item, &answer),
            Ok(None) => {
                let attempts = item.received.attempts;
                let reason = format!("delivered {attempts} times without a decision");
                self.bury(item, "attempts", &reason).await
            }
            Err(error) => {
                tracing::warn!(%error, "the ledger can't be asked about an overdue job yet");
                self.suspects.push(item);
                None
            }
        }
    }

    /// A dead letter; its job's status says so from here on. While that can't be noted, it waits.
    async fn bury(&mut self, item: Item, kind: &'static str, reason: &str) -> Option<Parcel> {
        let known = match &item.asks {
            Asks::Job(job) | Asks::Overdue(job) => Some(Known::of(job)),
            Asks::Nothing(undecodable) => undecodable.known.clone(),
        };
        if let Some(known) = &known
            && !self.note(known, reason).await
        {
            self.suspects.push(item);
            return None;
        }
        metrics::counter!("redeemq_dead_total", "reason" => kind).increment(1);
        tracing::warn!(kind, reason, "a message goes to the dead queue");
        let letter = letters::dead(&item.received, known.as_ref(), reason);
        Some(Parcel { tag: item.received.tag, letter, is_dead: true })
    }

    async fn note(&mut self, known: &Known, reason: &str) -> bool {
        let Known { client, key, job_id, .. } = known;
        if self.can_note {
            let noting = store::dead::insert(&self.context.store, client, *key, job_id, reason);
            if let Err(error) = store::in_time(noting).await {
                tracing::warn!(%error, "dead jobs can't be noted yet");
                self.can_note = false;
            }
        }
        self.can_note
    }
}

fn result(item: &Item, answer: &Answer) -> Option<Parcel> {
    let (Asks::Job(job) | Asks::Overdue(job)) = &item.asks else { return None };
    let letter = letters::result(&item.received, job, &answer.body, answer.is_replayed);
    Some(Parcel { tag: item.received.tag, letter, is_dead: false })
}
