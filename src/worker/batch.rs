//! Gathering: take what has arrived, up to a bound, and wait for no more. A lone job is not
//! delayed, and a flood is handled hundreds at a time.

use super::attempt::Answer;
use super::dubious::Dubious;
use super::parcel::Parcel;
use crate::broker::consumer::{Consumer, Received};
use crate::broker::topology::ATTEMPTS_MAX;
use crate::broker::{self, BrokerError, letters, traced};
use crate::domain::job::Job;
use crate::traces::Traces;
use crate::wire::request::{self, Undecodable};
use std::future::poll_fn;
use std::task::{Context, Poll};
use time::OffsetDateTime;

/// Units that the jobs of one batch may ask for together: each may be a code to load and an event to
/// publish.
const UNITS_MAX: i64 = 20_000;

/// One delivery, read.
#[derive(Debug)]
pub struct Item {
    /// As it came.
    pub received: Received,
    /// What it asks for.
    pub asks: Asks,
}

/// What a delivery asks for.
#[derive(Debug)]
pub enum Asks {
    /// A decision.
    Job(Job),
    /// A last look into the books: it was delivered too often.
    Overdue(Job),
    /// The dead queue.
    Nothing(Undecodable),
}

impl Item {
    /// Reads a delivery.
    pub fn read(received: Received) -> Self {
        if received.attempts > 0 {
            metrics::counter!("redeemq_redelivered_total").increment(1);
        }
        let overdue = received.is_overdue || received.attempts > ATTEMPTS_MAX;
        let asks = match decode(&received.body) {
            Ok(job) if overdue => Asks::Overdue(job),
            Ok(job) => Asks::Job(job),
            Err(undecodable) => Asks::Nothing(undecodable),
        };
        Self { received, asks }
    }

    /// The job that is to be decided, if it is one.
    pub fn job(&self) -> Option<&Job> {
        match &self.asks {
            Asks::Job(job) => Some(job),
            Asks::Overdue(_) | Asks::Nothing(_) => None,
        }
    }

    /// When its job was accepted, if it is one that waits for a decision.
    pub fn accepted_at(&self) -> Option<OffsetDateTime> {
        self.job().map(|job| job.accepted_at)
    }

    /// The answer to it, to be published.
    pub fn result(&self, traces: &Traces, answer: &Answer) -> Option<Parcel> {
        let (Asks::Job(job) | Asks::Overdue(job)) = &self.asks else { return None };
        let mut letter = letters::result(&self.received, job, &answer.body, answer.is_replayed());
        let kept = answer.place.as_ref();
        let sending = kept.map(|place| traced::send_letter(traces, &mut letter, Some(place)));
        let (tag, decided_at) = (self.received.tag, answer.decided_at);
        Some(Parcel {
            tag,
            letter,
            decided_at,
            is_dead: false,
            sending: sending.unwrap_or_default(),
        })
    }

    /// The same, to be decided after all.
    pub fn not_overdue(self) -> Self {
        let asks = match self.asks {
            Asks::Overdue(job) => Asks::Job(job),
            asks @ (Asks::Job(_) | Asks::Nothing(_)) => asks,
        };
        Self { asks, ..self }
    }

    /// Seen before: whatever ended that attempt, it shall take no neighbour along.
    fn goes_alone(&self) -> bool {
        self.received.attempts > 0
    }

    fn units(&self) -> i64 {
        match &self.asks {
            Asks::Job(Job { request: Ok(request), .. }) => request.units(),
            _ => 1,
        }
    }
}

/// A panic of our own over some bytes must not take the worker down, once for each delivery.
fn decode(body: &[u8]) -> Result<Job, Undecodable> {
    std::panic::catch_unwind(|| request::decode(body)).unwrap_or_else(|_| {
        Err(Undecodable { reason: "the worker panicked while reading it".to_owned(), known: None })
    })
}

/// Gathers batches from a consumer.
pub struct Gatherer {
    jobs_max: usize,
    /// Taken from the consumer, but not fit for the batch before.
    next: Option<Item>,
    /// Taken from the consumer, to be tried after all others.
    dubious: Dubious,
    /// The end of the consumer, met while there was still a batch to return.
    ended: Option<BrokerError>,
}

impl Gatherer {
    /// With a bound on the jobs of a batch.
    pub fn new(jobs_max: usize) -> Self {
        Self { jobs_max: jobs_max.max(1), next: None, dubious: Dubious::none(), ended: None }
    }

    /// Waits for the first delivery, then takes along what else has arrived. Dropping the future
    /// loses nothing: it is pending only while it holds nothing. What is dubious comes after all else.
    ///
    /// # Errors
    /// When the consumer is done for; what was gathered before is returned first.
    pub async fn gather(&mut self, consumer: &mut Consumer) -> broker::Result<Vec<Item>> {
        poll_fn(|cx| {
            if let Some(item) = self.dubious.take_overdue() {
                return Poll::Ready(Ok(vec![item]));
            }
            let mut batch: Vec<Item> = Vec::new();
            let mut units = 0;
            while batch.len() < self.jobs_max {
                let item = match self.poll_item(consumer, cx) {
                    Poll::Ready(Ok(item)) => item,
                    Poll::Ready(Err(error)) if batch.is_empty() => {
                        let Some(item) = self.dubious.take() else {
                            return Poll::Ready(Err(error));
                        };
                        self.ended = Some(error);
                        return Poll::Ready(Ok(vec![item]));
                    }
                    Poll::Pending if batch.is_empty() => {
                        return self.dubious.poll_quiet(cx).map(|item| Ok(vec![item]));
                    }
                    Poll::Ready(Err(error)) => {
                        self.ended = Some(error);
                        break;
                    }
                    Poll::Pending => break,
                };
                units += item.units();
                let alone = item.goes_alone();
                if !batch.is_empty() && (alone || units > UNITS_MAX) {
                    self.next = Some(item);
                    break;
                }
                batch.push(item);
                if alone {
                    break;
                }
            }
            // Two queues, and consumers that follow one another, have their own buffers.
            batch.sort_by_key(|item| item.received.tag);
            Poll::Ready(Ok(batch))
        })
        .await
    }

    /// What has arrived and was given to nobody.
    pub fn rest(&mut self, consumer: &mut Consumer) -> Vec<Item> {
        let mut rest = self.dubious.take_all();
        rest.extend(self.next.take());
        rest.extend(consumer.rest().into_iter().map(Item::read));
        rest
    }

    fn poll_item(
        &mut self,
        consumer: &mut Consumer,
        cx: &mut Context<'_>,
    ) -> Poll<broker::Result<Item>> {
        if let Some(item) = self.next.take() {
            return Poll::Ready(Ok(item));
        }
        if let Some(error) = self.ended.take() {
            return Poll::Ready(Err(error));
        }
        loop {
            match consumer.poll_next(cx) {
                Poll::Ready(Ok(received)) => {
                    if let Some(item) = self.dubious.admit(Item::read(received)) {
                        return Poll::Ready(Ok(item));
                    }
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}
