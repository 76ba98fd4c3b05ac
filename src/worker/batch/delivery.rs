//! One delivery and what it asks for.

use crate::broker::consume::received::Received;
use crate::domain::job::Job;
use crate::wire::request::{self, Known, Undecodable};
use crate::worker::redelivery::policy::{Policy, policy};
use time::OffsetDateTime;

/// A delivery whose payload has been read.
#[derive(Debug)]
pub struct Delivery {
    /// As the broker sent it.
    pub received: Received,
    /// What it asks for.
    pub payload: Payload,
}

/// What a delivery asks for.
#[derive(Debug)]
pub enum Payload {
    /// A decision.
    Job(Job),
    /// Over the broker's delivery limit: only its result, if the ledger has one.
    OverLimit(Job),
    /// Nothing that can be read: it goes to the dead queue.
    Malformed(Undecodable),
}

impl Delivery {
    /// Reads its payload.
    pub fn read(received: Received) -> Self {
        if received.delivery_count > 0 {
            metrics::counter!("redeemq_redelivered_total").increment(1);
        }
        let payload = match decode(&received.body) {
            Ok(job) if received.is_over_broker_limit() => Payload::OverLimit(job),
            Ok(job) => Payload::Job(job),
            Err(undecodable) => Payload::Malformed(undecodable),
        };
        Self { received, payload }
    }

    /// Its job, if that is to be decided.
    pub fn job(&self) -> Option<&Job> {
        match &self.payload {
            Payload::Job(job) => Some(job),
            Payload::OverLimit(_) | Payload::Malformed(_) => None,
        }
    }

    /// Its job, whether that is to be decided or only looked up.
    pub(in crate::worker) fn any_job(&self) -> Option<&Job> {
        match &self.payload {
            Payload::Job(job) | Payload::OverLimit(job) => Some(job),
            Payload::Malformed(_) => None,
        }
    }

    /// Whose job it is or would be, as far as that can be read.
    pub(in crate::worker) fn known(&self) -> Option<Known> {
        match &self.payload {
            Payload::Job(job) | Payload::OverLimit(job) => Some(Known::of(job)),
            Payload::Malformed(undecodable) => undecodable.known.clone(),
        }
    }

    /// When its job was accepted, if that is to be decided.
    pub fn accepted_at(&self) -> Option<OffsetDateTime> {
        self.job().map(|job| job.accepted_at)
    }

    /// What is done with it, by how often it was delivered before.
    pub(crate) fn policy(&self) -> Policy {
        policy(self.received.delivery_count)
    }

    /// Units that it asks for.
    pub(super) fn units(&self) -> i64 {
        match &self.payload {
            Payload::Job(Job { request: Ok(request), .. }) => request.units(),
            _ => 1,
        }
    }
}

/// A panic over some bytes must not end the worker, once for each delivery.
fn decode(body: &[u8]) -> Result<Job, Undecodable> {
    std::panic::catch_unwind(|| request::decode(body)).unwrap_or_else(|_| {
        let known = std::panic::catch_unwind(|| request::known(body)).unwrap_or_default();
        Err(Undecodable { reason: "the worker panicked while reading it".to_owned(), known })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::consume::death::{Cause, Death};
    use crate::worker::batch::fixtures::{body, received};

    fn read(delivery_count: i64, is_over_broker_limit: bool) -> Delivery {
        let received = received(1, delivery_count, body("mug", "ann", 7));
        let cause = if is_over_broker_limit { Cause::DeliveryLimit } else { Cause::Expired };
        let death = Death { cause, queue: "redeem.requests".to_owned(), at: None };
        Delivery::read(Received { death: Some(death), ..received })
    }

    #[test]
    fn a_job_is_over_the_limit_by_the_brokers_word_however_often_it_was_delivered() {
        for (delivery_count, by_broker, is_over) in
            [(0, false, false), (21, false, false), (0, true, true), (21, true, true)]
        {
            let delivery = read(delivery_count, by_broker);
            assert_eq!(matches!(delivery.payload, Payload::OverLimit(_)), is_over);
            assert_eq!(delivery.job().is_none(), is_over);
            assert_eq!(delivery.accepted_at().is_none(), is_over);
        }
    }

    #[test]
    fn a_delivery_asks_for_its_units_or_for_one() {
        assert_eq!(read(0, false).units(), 7);
        assert_eq!(read(21, true).units(), 1, "a query of the ledger");
        let malformed = Delivery::read(received(1, 21, b"{}".to_vec()));
        assert!(matches!(malformed.payload, Payload::Malformed(_)));
        assert_eq!((malformed.units(), malformed.job().is_none()), (1, true));
    }
}
