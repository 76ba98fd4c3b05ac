//! One delivery, as this layer hands it on.

use crate::broker::consume::death::{Cause, Death};
use crate::broker::headers::{ACQUIRED_COUNT, DELIVERY_COUNT, REASON};
use crate::broker::topology::{DEAD, DEAD_KEY};
use lapin::message::Delivery;
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Acker, BasicProperties};

/// One delivery, as much as anyone above this layer needs of it.
#[derive(derive_more::Debug)]
pub struct Received {
    /// Its number on the channel, by which it is settled.
    pub tag: u64,
    /// The body.
    #[debug("***")]
    pub body: Vec<u8>,
    /// Properties and headers.
    pub properties: BasicProperties,
    /// How often it was delivered before, as far as the broker counts that.
    pub delivery_count: i64,
    /// How the broker itself took it out of a request queue, unless a worker dead-lettered it since.
    pub death: Option<Death>,
    /// Whether it came by the exchange of dead letters.
    pub is_dead_letter: bool,
}

impl Received {
    /// Takes a delivery apart: what it says, and what acknowledges it.
    pub(in crate::broker) fn read(delivery: Delivery) -> (Self, Acker) {
        let Delivery {
            delivery_tag,
            exchange,
            routing_key,
            properties,
            data,
            acker,
            redelivered,
            ..
        } = delivery;
        let headers = properties.headers().as_ref();
        let is_of_worker = |headers: &FieldTable| {
            routing_key.as_str() == DEAD_KEY && headers.inner().contains_key(REASON)
        };
        let received = Self {
            tag: delivery_tag,
            body: data,
            delivery_count: delivery_count(redelivered, headers),
            is_dead_letter: exchange.as_str() == DEAD,
            death: headers.filter(|headers| !is_of_worker(headers)).and_then(Death::read),
            properties,
        };
        (received, acker)
    }

    /// Whether it was over the broker's own delivery limit, and so is over ours.
    pub fn is_over_broker_limit(&self) -> bool {
        self.death.as_ref().is_some_and(|death| death.cause == Cause::DeliveryLimit)
    }

    /// How the broker dead-lettered it: nobody has looked its job up yet.
    pub fn dead_by_broker(&self) -> Option<&Death> {
        self.death.as_ref().filter(|_| self.is_dead_letter)
    }
}

/// The broker's count. It writes one when it delivers again: on a first delivery, the header is what
/// the publisher put there, such as with a message from a queue of its own. A redelivery without a
/// count is at least the second delivery; but from RabbitMQ 4.3 on, which tells how often it was sent as
/// well, it then only came back from consumers that gave it back.
fn delivery_count(redelivered: bool, headers: Option<&FieldTable>) -> i64 {
    if !redelivered {
        return 0;
    }
    let told = |name| headers.and_then(|headers| headers.inner().get(name)).and_then(whole);
    told(DELIVERY_COUNT).unwrap_or(i64::from(told(ACQUIRED_COUNT).is_none()))
}

fn whole(value: &AMQPValue) -> Option<i64> {
    match value {
        AMQPValue::ShortShortInt(n) => Some((*n).into()),
        AMQPValue::ShortShortUInt(n) => Some((*n).into()),
        AMQPValue::ShortInt(n) => Some((*n).into()),
        AMQPValue::ShortUInt(n) => Some((*n).into()),
        AMQPValue::LongInt(n) => Some((*n).into()),
        AMQPValue::LongUInt(n) => Some((*n).into()),
        AMQPValue::LongLongInt(n) => Some(*n),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::consume::death::tests::deaths;
    use crate::broker::short_string::short_string;

    fn received(redelivered: bool, headers: FieldTable) -> Received {
        let mut delivery =
            Delivery::mock(7, short_string(""), short_string(""), redelivered, b"body".to_vec());
        delivery.properties = delivery.properties.with_headers(headers);
        Received::read(delivery).0
    }

    fn count(redelivered: bool, value: AMQPValue) -> i64 {
        let mut headers = FieldTable::default();
        headers.insert(short_string("x-delivery-count"), value);
        received(redelivered, headers).delivery_count
    }

    #[test]
    fn a_delivery_count_is_what_the_broker_counted_and_never_what_a_publisher_forged() {
        assert_eq!(received(false, FieldTable::default()).delivery_count, 0);
        assert_eq!(received(true, FieldTable::default()).delivery_count, 1);
        assert_eq!(count(false, AMQPValue::LongLongInt(i64::MAX)), 0);
        assert_eq!(count(true, AMQPValue::LongLongInt(i64::MAX)), i64::MAX);
    }

    #[test]
    fn what_consumers_gave_back_is_counted_by_brokers_that_tell_nothing_else() {
        let told = |counts: &[(&str, i64)]| {
            let mut headers = FieldTable::default();
            for (name, count) in counts {
                headers.insert(short_string(name), AMQPValue::LongLongInt(*count));
            }
            received(true, headers).delivery_count
        };
        assert_eq!(told(&[]), 1);
        assert_eq!(told(&[("x-delivery-count", 3)]), 3);
        assert_eq!(told(&[("x-acquired-count", 4)]), 0);
        assert_eq!(told(&[("x-acquired-count", 4), ("x-delivery-count", 1)]), 1);
    }

    #[test]
    fn a_delivery_count_is_read_in_every_width_that_a_broker_may_choose() {
        let counts = [
            AMQPValue::ShortShortInt(9),
            AMQPValue::ShortShortUInt(9),
            AMQPValue::ShortInt(9),
            AMQPValue::ShortUInt(9),
            AMQPValue::LongInt(9),
            AMQPValue::LongUInt(9),
            AMQPValue::LongLongInt(9),
        ];
        for value in counts {
            assert_eq!(count(true, value.clone()), 9, "{value:?}");
        }
        assert_eq!(count(true, AMQPValue::LongString("9".into())), 1);
    }

    #[test]
    fn only_the_delivery_limit_of_the_broker_puts_a_message_over_it() {
        let died = |queue: &str, reason: &str| {
            received(false, deaths(&[(queue, reason)])).is_over_broker_limit()
        };
        for queue in ["redeem.requests", "redeem.requests.spare", "redeem.requests.3"] {
            assert!(died(queue, "delivery_limit"));
            assert!(!died(queue, "expired"));
        }
        assert!(!died("orders", "delivery_limit"));
        assert!(!received(false, FieldTable::default()).is_over_broker_limit());
    }

    #[test]
    fn what_a_worker_dead_lettered_is_no_death_by_the_broker() {
        let death = |routing_key: &str, has_reason: bool| {
            let mut headers = deaths(&[("redeem.requests", "delivery_limit")]);
            if has_reason {
                headers.insert(short_string(REASON), AMQPValue::LongString("poison".into()));
            }
            let (exchange, key) = (short_string("redeem.dead"), short_string(routing_key));
            let mut delivery = Delivery::mock(1, exchange, key, false, Vec::new());
            delivery.properties = delivery.properties.with_headers(headers);
            Received::read(delivery).0.death.is_some()
        };
        assert!(!death("dead", true));
        assert!(death("goods", false));
        assert!(death("goods", true), "moved back by hand with the headers of its first death");
        assert!(death("dead", false), "whoever published it chose this key");
    }
}
