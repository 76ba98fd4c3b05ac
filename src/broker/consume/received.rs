//! One delivery, as this layer hands it on.

use crate::broker::topology::{REQUESTS, UNROUTED};
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
    /// The broker's own delivery limit moved it here, so it is over ours as well.
    pub is_over_broker_limit: bool,
}

impl Received {
    /// Takes a delivery apart: what it says, and what acknowledges it.
    pub(in crate::broker) fn read(delivery: Delivery) -> (Self, Acker) {
        let Delivery { delivery_tag, properties, data, acker, redelivered, .. } = delivery;
        let headers = properties.headers().as_ref();
        let received = Self {
            tag: delivery_tag,
            body: data,
            delivery_count: delivery_count(redelivered, headers),
            is_over_broker_limit: headers.is_some_and(is_over_broker_limit),
            properties,
        };
        (received, acker)
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
    told("x-delivery-count").unwrap_or(i64::from(told("x-acquired-count").is_none()))
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

fn is_over_broker_limit(headers: &FieldTable) -> bool {
    let Some(AMQPValue::FieldArray(deaths)) = headers.inner().get("x-death") else { return false };
    let says = |death: &FieldTable, name: &str, texts: &[&str]| match death.inner().get(name) {
        Some(AMQPValue::LongString(text)) => texts.iter().any(|t| t.as_bytes() == text.as_bytes()),
        _ => false,
    };
    // Deaths in the queues of others say nothing about our deliveries.
    let by_limit = |death: &AMQPValue| match death {
        AMQPValue::FieldTable(death) => {
            says(death, "reason", &["delivery_limit"])
                && says(death, "queue", &[REQUESTS, UNROUTED])
        }
        _ => false,
    };
    deaths.as_slice().iter().any(by_limit)
}

#[cfg(test)]
mod tests {
    use super::*;
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
    fn only_deaths_in_our_own_queues_put_a_message_over_the_limit() {
        let died_in = |queue: &str, reason: &str| {
            let mut death = FieldTable::default();
            death.insert(short_string("queue"), AMQPValue::LongString(queue.into()));
            death.insert(short_string("reason"), AMQPValue::LongString(reason.into()));
            let mut headers = FieldTable::default();
            let deaths = vec![AMQPValue::FieldTable(death)];
            headers.insert(short_string("x-death"), AMQPValue::FieldArray(deaths.into()));
            received(false, headers).is_over_broker_limit
        };
        assert!(died_in("redeem.requests", "delivery_limit"));
        assert!(died_in("redeem.requests.spare", "delivery_limit"));
        assert!(!died_in("redeem.requests", "expired"));
        assert!(!died_in("orders", "delivery_limit"));
    }
}
