//! Settling: which deliveries of a channel are still open, and how to acknowledge them.

use crate::broker::connection::in_time;
use crate::broker::consume::received::Received;
use crate::broker::topology::{REQUESTS, SPARE};
use lapin::Acker;
use lapin::message::Delivery;
use lapin::options::BasicAckOptions;
use lapin::types::{AMQPValue, FieldTable};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

/// The deliveries of one channel that are not settled yet. Shared by those who take and those who settle.
#[derive(Clone, Default)]
pub struct Settler {
    open: Arc<Mutex<Open>>,
    /// Frames must leave in the order in which they were found to be right: one that covers what a later
    /// one names would make that later one an error, which ends the channel.
    order: Arc<tokio::sync::Mutex<()>>,
}

/// Tags of a channel are 1, 2, 3, … over all its consumers, whether their deliveries have been looked
/// at or still lie in a buffer.
#[derive(Default)]
struct Open {
    ackers: BTreeMap<u64, Acker>,
    /// All tags up to here are settled.
    settled_to: u64,
    /// Settled tags above that.
    settled: BTreeSet<u64>,
}

impl Settler {
    pub(in crate::broker) fn receive(&self, delivery: Delivery) -> Received {
        let Delivery { delivery_tag, properties, data, acker, redelivered, .. } = delivery;
        self.open().ackers.insert(delivery_tag, acker);
        let headers = properties.headers().as_ref();
        Received {
            tag: delivery_tag,
            body: data,
            delivery_count: if redelivered { headers.and_then(counted).unwrap_or(1) } else { 0 },
            is_over_broker_limit: headers.is_some_and(is_over_broker_limit),
            properties,
        }
    }

    /// Acknowledges deliveries: those below which all is settled in one frame, the rest singly. (One
    /// frame for more would also settle what lies unread in a buffer.)
    /// An ack that can't be sent is no fault: the message is delivered again and answered from the
    /// ledger. Returns how many of them were.
    pub async fn ack(&self, tags: &[u64]) -> usize {
        let _in_turn = self.order.lock().await;
        let (cumulative, single) = self.split(tags);
        let mut lost = 0;
        if let Some((acker, count)) = cumulative {
            lost += if acknowledge(&acker, true).await { 0 } else { count };
        }
        for acker in single {
            lost += usize::from(!acknowledge(&acker, false).await);
        }
        lost
    }

    fn split(&self, tags: &[u64]) -> (Option<(Acker, usize)>, Vec<Acker>) {
        let mut open = self.open();
        let mut ackers: BTreeMap<u64, Acker> = BTreeMap::new();
        for tag in tags {
            if let Some(acker) = open.ackers.remove(tag) {
                open.settled.insert(*tag);
                ackers.insert(*tag, acker);
            }
        }
        let settled_to = open.advance();
        let single = ackers.split_off(&(settled_to + 1)).into_values().collect();
        let count = ackers.len();
        (ackers.pop_last().map(|(_, last)| (last, count)), single)
    }

    fn open(&self) -> std::sync::MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    /// Moves the mark over what is settled without a gap.
    fn advance(&mut self) -> u64 {
        while self.settled.remove(&(self.settled_to + 1)) {
            self.settled_to += 1;
        }
        self.settled_to
    }
}

async fn acknowledge(acker: &Acker, multiple: bool) -> bool {
    let acking = async { Ok(acker.ack(BasicAckOptions { multiple }).await?) };
    matches!(in_time("basic.ack", acking).await, Ok(true))
}

/// The broker's count. It writes one when it delivers again: on a first delivery, the header is what
/// the publisher has put there, such as a message that he took out of a queue of his own.
fn counted(headers: &FieldTable) -> Option<i64> {
    headers.inner().get("x-delivery-count").and_then(whole)
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
    // Deaths in queues of others say nothing about our attempts.
    let by_limit = |death: &AMQPValue| match death {
        AMQPValue::FieldTable(death) => {
            says(death, "reason", &["delivery_limit"]) && says(death, "queue", &[REQUESTS, SPARE])
        }
        _ => false,
    };
    deaths.as_slice().iter().any(by_limit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::own;

    /// Settles tags; returns up to where one frame would acknowledge, and how many go singly.
    fn settle(settler: &Settler, tags: &[u64]) -> (u64, usize) {
        let (cumulative, single) = settler.split(tags);
        (cumulative.map_or(0, |_| settler.open().settled_to), single.len())
    }

    fn arrive(settler: &Settler, tags: &[u64]) {
        for tag in tags {
            settler.receive(Delivery::mock(*tag, own(""), own(""), false, Vec::new()));
        }
    }

    fn settler_with(tags: &[u64]) -> Settler {
        let settler = Settler::default();
        arrive(&settler, tags);
        settler
    }

    #[test]
    fn one_frame_acknowledges_only_where_all_below_is_settled() {
        let settler = settler_with(&[1, 2, 3, 4, 5]);
        assert_eq!(settle(&settler, &[2, 1]), (2, 0));
        assert_eq!(settle(&settler, &[4, 5]), (0, 2));
        assert_eq!(settle(&settler, &[3]), (5, 0));
    }

    #[test]
    fn what_lies_unread_in_a_buffer_is_never_acknowledged_along() {
        // Tags 3 and 4 were delivered to the other consumer of the channel, and nobody has polled them.
        let settler = settler_with(&[1, 2, 5, 6]);
        assert_eq!(settle(&settler, &[1, 2, 5, 6]), (2, 2));
        arrive(&settler, &[3, 4]);
        assert_eq!(settle(&settler, &[3, 4]), (6, 0));
    }

    fn received(redelivered: bool, headers: FieldTable) -> Received {
        let mut delivery = Delivery::mock(1, own(""), own(""), redelivered, Vec::new());
        delivery.properties = delivery.properties.with_headers(headers);
        Settler::default().receive(delivery)
    }

    #[test]
    fn attempts_are_what_the_broker_counted_and_never_what_a_publisher_forged() {
        let mut headers = FieldTable::default();
        assert_eq!(received(false, headers.clone()).delivery_count, 0);
        assert_eq!(received(true, headers.clone()).delivery_count, 1);
        headers.insert(own("x-delivery-count"), AMQPValue::LongLongInt(i64::MAX));
        assert_eq!(received(false, headers.clone()).delivery_count, 0);
        assert_eq!(received(true, headers).delivery_count, i64::MAX);
    }

    #[test]
    fn only_deaths_in_our_own_queues_make_a_message_overdue() {
        let died_in = |queue: &str, reason: &str| {
            let mut death = FieldTable::default();
            death.insert(own("queue"), AMQPValue::LongString(queue.into()));
            death.insert(own("reason"), AMQPValue::LongString(reason.into()));
            let mut headers = FieldTable::default();
            let deaths = vec![AMQPValue::FieldTable(death)];
            headers.insert(own("x-death"), AMQPValue::FieldArray(deaths.into()));
            received(false, headers).is_over_broker_limit
        };
        assert!(died_in("redeem.requests", "delivery_limit"));
        assert!(!died_in("redeem.requests", "expired"));
        assert!(!died_in("orders", "delivery_limit"));
    }

    #[test]
    fn a_tag_is_acknowledged_once() {
        let settler = settler_with(&[1]);
        assert_eq!(settle(&settler, &[1]), (1, 0));
        assert_eq!(settle(&settler, &[1]), (0, 0));
    }
}
