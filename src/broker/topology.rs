//! Exchanges and queues, with every argument written out: a default that changes between broker
//! versions would be a promise that changes.
//!
//! ```text
//! redeem.requests (topic) ──#──▶ queue redeem.requests ─┐ over the broker's own delivery limit
//!    └ nothing bound: alternate                         ▼
//!      redeem.requests.spare (fanout) ──▶ queue redeem.requests.spare ──▶ redeem.dead
//! redeem.results (topic) ──▶ whatever the callers bind
//! redeem.dead (fanout) ──▶ queue redeem.dead
//! ```
//! With more than one lane, [`super::lanes`] stand in the place of the queue redeem.requests.
//! Workers consume all request queues by the same rules. What is wanted is data: whoever declares it,
//! and whoever compares it with what is there, read the same.

use super::question::{is_exchange, is_queue};
use super::{BrokerError, Result, in_time, lanes, own};
use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::protocol::{AMQPErrorKind, AMQPSoftError};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, Connection, ErrorKind, ExchangeKind};
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
pub(super) const ALL_KEYS: &str = "#";
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
pub(super) const TO_SPARE: (&str, &str) = ("alternate-exchange", SPARE);

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
pub(super) fn requests(
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

/// Declares what is missing; fails where something exists with other arguments. A user without the
/// right to declare, as an ingress should be, only looks whether there is somewhere to publish.
///
/// # Errors
/// Names what could not be declared, or is not there.
pub async fn declare(connection: &Connection, queue_bytes_max: u64) -> Result<()> {
    for (place, exchange) in EXCHANGES.iter().enumerate() {
        let declaring = on_a_channel(connection, "exchange.declare", async move |channel| {
            let declared = declare_exchange(&channel, exchange).await;
            declared.map_err(|error| BrokerError::Topology { what: exchange.name.into(), error })
        });
        match declaring.await {
            Err(BrokerError::Topology { error, .. })
                if place == 0 && is(&error, AMQPSoftError::ACCESSREFUSED) =>
            {
                return look(connection).await;
            }
            declared => declared?,
        }
    }
    let in_lanes = lanes::are_there(connection).await?;
    for queue in &queues(queue_bytes_max) {
        set_up(connection, queue).await?;
        // With lanes, it would get each request a second time.
        if !(in_lanes && queue.name == REQUESTS) {
            bind(connection, queue).await?;
        }
    }
    Ok(())
}

/// Declares a queue.
pub(super) async fn set_up(connection: &Connection, queue: &Queue) -> Result<()> {
    on_a_channel(connection, "queue.declare", async move |channel| {
        let declared = declare_queue(&channel, queue).await;
        let what = queue.name.to_string();
        declared.map_err(|error| BrokerError::Topology { what, error })
    })
    .await
}

/// Binds a queue where it belongs.
pub(super) async fn bind(connection: &Connection, queue: &Queue) -> Result<()> {
    on_a_channel(connection, "queue.bind", async move |channel| {
        let options = QueueBindOptions::default();
        let (name, exchange, by) = (own(&queue.name), own(queue.bound_to), own(queue.by));
        Ok(channel.queue_bind(name, exchange, by, options, FieldTable::default()).await?)
    })
    .await
}

/// Takes that binding away; a binding that is not there is no error.
pub(super) async fn unbind(connection: &Connection, queue: &Queue) -> Result<()> {
    on_a_channel(connection, "queue.unbind", async move |channel| {
        let (name, exchange, by) = (own(&queue.name), own(queue.bound_to), own(queue.by));
        Ok(channel.queue_unbind(name, exchange, by, FieldTable::default()).await?)
    })
    .await
}

async fn look(connection: &Connection) -> Result<()> {
    for name in [REQUESTS, SPARE] {
        if !is_exchange(connection, name).await? || !is_queue(connection, name).await? {
            return Err(BrokerError::Absent(name));
        }
    }
    Ok(())
}

fn is(error: &lapin::Error, soft: AMQPSoftError) -> bool {
    matches!(error.kind(), ErrorKind::ProtocolError(error) if *error.kind() == AMQPErrorKind::Soft(soft))
}

/// A failed declaration closes its channel, so each gets its own: the next is not to blame.
pub(super) async fn on_a_channel<D: Future<Output = Result<()>>>(
    connection: &Connection,
    what: &'static str,
    declaring: impl FnOnce(Channel) -> D,
) -> Result<()> {
    in_time(what, async {
        let channel = connection.create_channel().await?;
        declaring(channel.clone()).await?;
        Ok(channel.close(200, own("declared")).await?)
    })
    .await
}

pub(super) async fn declare_exchange(channel: &Channel, exchange: &Exchange) -> lapin::Result<()> {
    let durable = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
    let mut arguments = FieldTable::default();
    for (name, text) in exchange.arguments {
        arguments.insert(own(name), AMQPValue::LongString((*text).into()));
    }
    channel.exchange_declare(own(exchange.name), exchange.kind.clone(), durable, arguments).await
}

pub(super) async fn declare_queue(channel: &Channel, queue: &Queue) -> lapin::Result<()> {
    let durable = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
    let mut arguments = FieldTable::default();
    for (name, value) in &queue.arguments {
        let value = match value {
            Argument::Text(text) => AMQPValue::LongString((*text).into()),
            Argument::Number(number) => AMQPValue::LongLongInt(*number),
            Argument::Flag(flag) => AMQPValue::Boolean(*flag),
        };
        arguments.insert(own(name), value);
    }
    channel.queue_declare(own(&queue.name), durable, arguments).await.map(drop)
}
