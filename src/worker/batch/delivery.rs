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
    /// Over the broker's delivery limit, or dead by the broker: only its result, if the ledger has one.
    OverLimit(Job),
    /// A place in the dead queue: a worker of version 0.1.0 or somebody else made a dead letter of it.
    DeadLetter,
    /// Nothing that can be read: it goes to the dead queue.
    Malformed(Undecodable),
}

impl Delivery {
    /// Reads its payload.
    pub fn read(received: Received) -> Self {
        if received.delivery_count > 0 {
            metrics::counter!("redeemq_redelivered_total").increment(1);
        }
        let is_to_be_tried = !received.is_dead_letter && !received.is_over_broker_limit();
        let payload = match decode(&received.body) {
            _ if received.is_dead_letter && received.death.is_none() => Payload::DeadLetter,
            Ok(job) if is_to_be_tried => Payload::Job(job),
            Ok(job) => Payload::OverLimit(job),
            Err(undecodable) => Payload::Malformed(undecodable),
        };
        Self { received, payload }
    }

    /// Its job, if that is to be decided.
    pub fn job(&self) -> Option<&Job> {
        match &self.payload {
            Payload::Job(job) => Some(job),
            Payload::OverLimit(_) | Payload::Malformed(_) | Payload::DeadLetter => None,
        }
    }

    /// Its job, whether that is to be decided or only looked up.
    pub(in crate::worker) fn any_job(&self) -> Option<&Job> {
        match &self.payload {
            Payload::Job(job) | Payload::OverLimit(job) => Some(job),
            Payload::Malformed(_) | Payload::DeadLetter => None,
        }
    }

    /// Whose job it is or would be, as far as that can be read.
    pub(in crate::worker) fn known(&self) -> Option<Known> {
        match &self.payload {
            Payload::Job(job) | Payload::OverLimit(job) => Some(Known::of(job)),
            Payload::Malformed(undecodable) => undecodable.known.clone(),
            Payload::DeadLetter => None,
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

    fn death(cause: Cause) -> Death {
        Death { cause, queue: "redeem.requests".to_owned(), at: None }
    }

    fn read(delivery_count: i64, is_over_broker_limit: bool) -> Delivery {
        let received = received(1, delivery_count, body("mug", "ann", 7));
        let cause = if is_over_broker_limit { Cause::DeliveryLimit } else { Cause::Expired };
        Delivery::read(Received { death: Some(death(cause)), ..received })
    }

    #[test]
    fn what_comes_by_the_exchange_of_dead_letters_is_never_tried() {
        let read = |body: &[u8], death: Option<Death>| {
            let received = received(1, 0, body.to_vec());
            Delivery::read(Received { death, is_dead_letter: true, ..received }).payload
        };
        let job = body("mug", "ann", 7);
        for cause in
            [Cause::DeliveryLimit, Cause::Expired, Cause::Full, Cause::Rejected, Cause::Other]
        {
            assert!(matches!(read(&job, Some(death(cause))), Payload::OverLimit(_)), "{cause:?}");
            assert!(matches!(read(b"{}", Some(death(cause))), Payload::Malformed(_)), "{cause:?}");
        }
        for body in [&job, &b"{}"[..]] {
            assert!(matches!(read(body, None), Payload::DeadLetter));
        }
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
