//! The exchanges and queues as data: whoever declares them, and whoever compares them with what is there,
//! reads the same.

use lapin::ExchangeKind;
use std::borrow::Cow;

/// Requests: exchange and default queue.
pub const REQUESTS: &str = "redeem.requests";
/// Where requests go that no queue of the exchange wants, and those over the broker's limit.
pub const SPARE: &str = "redeem.requests.spare";
/// Results, by client and operation.
pub const RESULTS: &str = "redeem.results";
/// What could not become a decision: exchange and queue.
pub const DEAD: &str = "redeem.dead";
/// The key that takes all operations.
pub(in crate::broker) const ALL_KEYS: &str = "#";
/// Only queues of this prefix, or the broker's direct reply-to, are written to as reply_to.
pub const REPLY_PREFIX: &str = "redeem.reply.";
/// The broker's direct reply-to, as a worker sees it.
pub const DIRECT_REPLY_PREFIX: &str = "amq.rabbitmq.reply-to.";

/// Attempts at one message before it is looked up in the ledger and, undecided, put aside.
pub const ATTEMPTS_MAX: i64 = 20;
/// The broker's own limit is only a net under ours.
pub const BROKER_ATTEMPTS_MAX: i64 = 5 * ATTEMPTS_MAX;
/// Looking at a dead letter counts as a delivery, so its queue needs the largest limit there is.
const DEAD_DELIVERIES_MAX: i64 = i32::MAX as i64;
/// Bytes that may wait in a request queue, unless configured: far below the mark at which a broker
/// of 1 GiB would block all publishers, the results among them.
pub const QUEUE_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// The value of an argument of a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Argument {
    /// A name or a word.
    Text(&'static str),
    /// A number.
    Number(i64),
    /// Yes or no.
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

/// A durable queue and its binding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queue {
    /// Its name.
    pub name: Cow<'static, str>,
    /// All arguments that it has.
    pub arguments: Vec<(&'static str, Argument)>,
    /// The exchange that fills it.
    pub bound_to: &'static str,
    /// With this routing key.
    pub by: &'static str,
}

/// All exchanges, in an order in which they can be declared.
pub const EXCHANGES: [Exchange; 4] = [
    Exchange { name: RESULTS, kind: ExchangeKind::Topic, arguments: &[] },
    Exchange { name: DEAD, kind: ExchangeKind::Fanout, arguments: &[] },
    Exchange { name: SPARE, kind: ExchangeKind::Fanout, arguments: &[] },
    Exchange { name: REQUESTS, kind: ExchangeKind::Topic, arguments: &[TO_SPARE] },
];
/// Where goes what no queue of an exchange wants.
pub(in crate::broker) const TO_SPARE: (&str, &str) = ("alternate-exchange", SPARE);

/// All queues, in an order in which they can be declared.
pub fn queues(bytes_max: u64) -> [Queue; 3] {
    let dead = vec![
        ("x-queue-type", Argument::Text("quorum")),
        ("x-delivery-limit", Argument::Number(DEAD_DELIVERIES_MAX)),
    ];
    let (spare, requests) = (requests(bytes_max, DEAD), requests(bytes_max, SPARE));
    [
        Queue { name: DEAD.into(), arguments: dead, bound_to: DEAD, by: "" },
        Queue { name: SPARE.into(), arguments: spare, bound_to: SPARE, by: "" },
        Queue { name: REQUESTS.into(), arguments: requests, bound_to: REQUESTS, by: ALL_KEYS },
    ]
}

/// Dead-lettering at least once needs all of these together, or it silently is at most once.
pub(in crate::broker) fn requests(
    bytes_max: u64,
    dead_letters_to: &'static str,
) -> Vec<(&'static str, Argument)> {
    let bytes_max = i64::try_from(bytes_max).unwrap_or(i64::MAX);
    vec![
        ("x-queue-type", Argument::Text("quorum")),
        ("x-max-length-bytes", Argument::Number(bytes_max)),
        ("x-overflow", Argument::Text("reject-publish")),
        ("x-delivery-limit", Argument::Number(BROKER_ATTEMPTS_MAX)),
        ("x-dead-letter-exchange", Argument::Text(dead_letters_to)),
        ("x-dead-letter-strategy", Argument::Text("at-least-once")),
    ]
}
