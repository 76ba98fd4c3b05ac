//! The exchanges and queues as data.

use lapin::ExchangeKind;
use std::borrow::Cow;

/// Exchange and default queue of requests.
pub const REQUESTS: &str = "redeem.requests";
/// Exchange and queue of unrouted requests: those that no queue of [`REQUESTS`] takes, and those over
/// the broker's delivery limit.
pub const UNROUTED: &str = "redeem.requests.spare";
/// Exchange of results; the routing key is `client.operation`.
pub const RESULTS: &str = "redeem.results";
/// Exchange and queue of dead letters.
pub const DEAD: &str = "redeem.dead";
/// Queue of dead letters that the broker made: a worker sends the notice of each, and puts it into [`DEAD`].
pub const DEAD_NOTICES: &str = "redeem.dead.notices";
/// The routing key of dead letters that workers of version 0.1.0 publish to the exchange. Those of the broker
/// keep the key that they had.
pub(crate) const DEAD_KEY: &str = "dead";
/// The topic key that matches all operations.
pub(in crate::broker) const ALL_KEYS: &str = "#";
/// A `reply_to` must begin with this or with [`DIRECT_REPLY_PREFIX`]; no other queue is written to.
pub const REPLY_PREFIX: &str = "redeem.reply.";
/// The broker's direct reply-to, as a worker sees it.
pub(crate) const DIRECT_REPLY_PREFIX: &str = "amq.rabbitmq.reply-to.";

/// Deliveries of one message before it is looked up in the ledger and, if undecided, dead-lettered.
pub const DELIVERY_LIMIT: i64 = 20;
/// The broker's own limit lies above ours, so that it dead-letters only what workers never could.
pub const BROKER_DELIVERY_LIMIT: i64 = 5 * DELIVERY_LIMIT;
/// Looking at a dead letter counts as a delivery, so its queue needs the largest limit there is.
const DEAD_DELIVERY_LIMIT: i64 = i32::MAX as i64;
/// Dead letters of the broker need room above the counts with which they come: RabbitMQ 4.3 takes those of the
/// queues before along. What is over it no worker can read; the broker moves it to [`DEAD`] without a notice.
const NOTICES_DELIVERY_LIMIT: i64 = 2 * BROKER_DELIVERY_LIMIT;
/// Bytes that may wait in a request queue, unless configured: far below the mark at which a broker
/// of 1 GiB would block all publishers, the results among them.
pub const QUEUE_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// The value of an argument of a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Argument {
    /// A long string.
    Text(&'static str),
    /// A signed 64-bit number.
    Number(i64),
    /// A boolean.
    Flag(bool),
}

/// A durable exchange.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange {
    /// Its name.
    pub name: &'static str,
    /// How it routes.
    pub kind: ExchangeKind,
    /// All arguments that it has; each is a text.
    pub arguments: &'static [(&'static str, &'static str)],
}

/// A durable queue and its one binding, which is missing where [`Queue::is_to_be_bound`] says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queue {
    /// Its name.
    pub name: Cow<'static, str>,
    /// All arguments that it has.
    pub arguments: Vec<(&'static str, Argument)>,
    /// The exchange that fills it.
    pub bound_to: &'static str,
    /// The key of the binding.
    pub routing_key: &'static str,
}

/// All exchanges, in an order in which they can be declared.
pub const EXCHANGES: [Exchange; 4] = [
    Exchange { name: RESULTS, kind: ExchangeKind::Topic, arguments: &[] },
    Exchange { name: DEAD, kind: ExchangeKind::Fanout, arguments: &[] },
    Exchange { name: UNROUTED, kind: ExchangeKind::Fanout, arguments: &[] },
    Exchange { name: REQUESTS, kind: ExchangeKind::Topic, arguments: &[TO_UNROUTED] },
];
/// Where an exchange sends what none of its queues takes.
pub(in crate::broker) const TO_UNROUTED: (&str, &str) = ("alternate-exchange", UNROUTED);

/// All queues that every broker has, in an order in which they can be declared.
pub fn queues(bytes_max: u64) -> [Queue; 4] {
    let dead = vec![
        ("x-queue-type", Argument::Text("quorum")),
        ("x-delivery-limit", Argument::Number(DEAD_DELIVERY_LIMIT)),
    ];
    let mut on_their_way = at_least_once(NOTICES_DELIVERY_LIMIT, "");
    on_their_way.push(("x-dead-letter-routing-key", Argument::Text(DEAD)));
    let notices = Queue { name: DEAD_NOTICES.into(), ..queue(DEAD, on_their_way, "") };
    let unrouted = request_arguments(bytes_max, DEAD);
    let requests = request_arguments(bytes_max, UNROUTED);
    [
        notices,
        queue(DEAD, dead, ""),
        queue(UNROUTED, unrouted, ""),
        queue(REQUESTS, requests, ALL_KEYS),
    ]
}

/// Whether jobs wait in a queue of this name: the default one, the unrouted ones or a lane.
pub(in crate::broker) fn is_request_queue(name: &str) -> bool {
    let of = name.strip_prefix(REQUESTS);
    of.is_some_and(|of| of.is_empty() || of.starts_with('.'))
}

impl Queue {
    /// Whether its binding is to exist. Where there are lanes, a bound queue of requests would get each request
    /// a second time. The dead queue had a binding in version 0.1.0: with it, each dead letter of the broker
    /// would lie there twice.
    pub fn is_to_be_bound(&self, are_lanes: bool) -> bool {
        match self.name.as_ref() {
            REQUESTS => !are_lanes,
            DEAD => false,
            _ => true,
        }
    }
}

/// A queue behind the exchange of the same name.
fn queue(
    name: &'static str,
    arguments: Vec<(&'static str, Argument)>,
    routing_key: &'static str,
) -> Queue {
    Queue { name: name.into(), arguments, bound_to: name, routing_key }
}

pub(in crate::broker) fn request_arguments(
    bytes_max: u64,
    dead_letter_exchange: &'static str,
) -> Vec<(&'static str, Argument)> {
    // The broker knows signed numbers only; no queue gets as full as the largest of them.
    let bytes_max = i64::try_from(bytes_max).unwrap_or(i64::MAX);
    let mut arguments = at_least_once(BROKER_DELIVERY_LIMIT, dead_letter_exchange);
    arguments.push(("x-max-length-bytes", Argument::Number(bytes_max)));
    arguments
}

/// Dead-lettering is at least once only with all of these together; without one of them the broker
/// silently makes it at most once.
fn at_least_once(
    delivery_limit: i64,
    dead_letter_exchange: &'static str,
) -> Vec<(&'static str, Argument)> {
    vec![
        ("x-queue-type", Argument::Text("quorum")),
        ("x-overflow", Argument::Text("reject-publish")),
        ("x-delivery-limit", Argument::Number(delivery_limit)),
        ("x-dead-letter-exchange", Argument::Text(dead_letter_exchange)),
        ("x-dead-letter-strategy", Argument::Text("at-least-once")),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_queue_is_bound_where_it_shall_get_what_goes_to_its_exchange_once() {
        for (name, without_lanes, with_lanes) in [
            (REQUESTS, true, false),
            (UNROUTED, true, true),
            (DEAD_NOTICES, true, true),
            (DEAD, false, false),
        ] {
            let all = queues(QUEUE_BYTES_MAX);
            let queue = all.iter().find(|queue| queue.name == name).expect("one of all");
            assert_eq!(queue.is_to_be_bound(false), without_lanes, "{name}");
            assert_eq!(queue.is_to_be_bound(true), with_lanes, "{name}");
        }
    }

    /// Else the broker silently drops what it can't move on.
    #[test]
    fn every_queue_that_dead_letters_does_so_at_least_once() {
        for queue in queues(QUEUE_BYTES_MAX) {
            let has = |name: &str, value: &'static str| {
                queue.arguments.contains(&(name, Argument::Text(value)))
            };
            let names: Vec<&str> = queue.arguments.iter().map(|(name, _)| *name).collect();
            let dead_letters = names.contains(&"x-dead-letter-exchange");
            assert_eq!(dead_letters, queue.name != DEAD, "{}", queue.name);
            for (name, value) in
                [("x-dead-letter-strategy", "at-least-once"), ("x-overflow", "reject-publish")]
            {
                assert_eq!(has(name, value), dead_letters, "{} {name}", queue.name);
            }
        }
    }
}
