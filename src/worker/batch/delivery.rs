//! One delivery, read: what it asks for.

use crate::broker::consume::received::Received;
use crate::domain::job::Job;
use crate::wire::request::{self, Undecodable};
use crate::worker::redelivery::policy::{Policy, policy};
use time::OffsetDateTime;

/// One delivery, read.
#[derive(Debug)]
pub struct Delivery {
    /// As it came.
    pub received: Received,
    /// What it asks for.
    pub payload: Payload,
}

/// What a delivery asks for.
#[derive(Debug)]
pub enum Payload {
    /// A decision.
    Job(Job),
    /// A last look into the books: it was delivered too often.
    OverLimit(Job),
    /// The dead queue.
    Malformed(Undecodable),
}

impl Delivery {
    /// Reads a delivery.
    pub fn read(received: Received) -> Self {
        if received.delivery_count > 0 {
            metrics::counter!("redeemq_redelivered_total").increment(1);
        }
        let overdue =
            received.is_over_broker_limit || policy(received.delivery_count).is_over_limit;
        let payload = match decode(&received.body) {
            Ok(job) if overdue => Payload::OverLimit(job),
            Ok(job) => Payload::Job(job),
            Err(undecodable) => Payload::Malformed(undecodable),
        };
        Self { received, payload }
    }

    /// The job that is to be decided, if it is one.
    pub fn job(&self) -> Option<&Job> {
        match &self.payload {
            Payload::Job(job) => Some(job),
            Payload::OverLimit(_) | Payload::Malformed(_) => None,
        }
    }

    /// When its job was accepted, if it is one that waits for a decision.
    pub fn accepted_at(&self) -> Option<OffsetDateTime> {
        self.job().map(|job| job.accepted_at)
    }

    /// The same, to be decided after all.
    pub fn not_over_limit(self) -> Self {
        let payload = match self.payload {
            Payload::OverLimit(job) => Payload::Job(job),
            payload @ (Payload::Job(_) | Payload::Malformed(_)) => payload,
        };
        Self { payload, ..self }
    }

    /// What is done with it, by how often it was delivered before.
    pub(crate) fn policy(&self) -> Policy {
        policy(self.received.delivery_count)
    }

    pub(super) fn units(&self) -> i64 {
        match &self.payload {
            Payload::Job(Job { request: Ok(request), .. }) => request.units(),
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
