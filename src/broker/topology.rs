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
//! Workers consume both request queues by the same rules.

use super::{BrokerError, Result, in_time, own};
use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::protocol::{AMQPErrorKind, AMQPSoftError};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, Connection, ErrorKind, ExchangeKind};

/// Requests: exchange and default queue.
pub const REQUESTS: &str = "redeem.requests";
/// Where requests go that no queue of the exchange wants, and those over the broker's limit.
pub const SPARE: &str = "redeem.requests.spare";
/// Results, by client and operation.
pub const RESULTS: &str = "redeem.results";
/// What could not become a decision: exchange and queue.
pub const DEAD: &str = "redeem.dead";
/// Only queues of this prefix, or the broker's direct reply-to, are written to as reply_to.
pub const REPLY_PREFIX: &str = "redeem.reply.";
/// The broker's direct reply-to, as a worker sees it.
pub const DIRECT_REPLY_PREFIX: &str = "amq.rabbitmq.reply-to.";

/// Attempts at one message before it is looked up in the ledger and, undecided, put aside.
pub const ATTEMPTS_MAX: i64 = 20;
/// The broker's own limit is only a net under ours.
const BROKER_ATTEMPTS_MAX: i64 = 5 * ATTEMPTS_MAX;
/// Looking at a dead letter counts as a delivery, so its queue needs the largest limit there is.
const DEAD_DELIVERIES_MAX: i64 = i32::MAX as i64;
/// Bytes that may wait in a request queue, unless configured: far below the mark at which a broker
/// of 1 GiB would block all publishers, the results among them.
pub const QUEUE_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// Declares what is missing; fails where something exists with other arguments. A user without the
/// right to declare, as an ingress should be, only looks whether there is somewhere to publish.
///
/// # Errors
/// Names what could not be declared, or is not there.
pub async fn declare(connection: &Connection, queue_bytes_max: u64) -> Result<()> {
    match exchange(connection, RESULTS, ExchangeKind::Topic, &[]).await {
        Err(BrokerError::Topology { error, .. }) if is(&error, AMQPSoftError::ACCESSREFUSED) => {
            return look(connection).await;
        }
        declared => declared?,
    }
    exchange(connection, DEAD, ExchangeKind::Fanout, &[]).await?;
    exchange(connection, SPARE, ExchangeKind::Fanout, &[]).await?;
    let alternate = [("alternate-exchange", text(SPARE))];
    exchange(connection, REQUESTS, ExchangeKind::Topic, &alternate).await?;

    let dead =
        [("x-queue-type", text("quorum")), ("x-delivery-limit", number(DEAD_DELIVERIES_MAX))];
    queue(connection, DEAD, &dead, DEAD, "").await?;
    queue(connection, SPARE, &requests(queue_bytes_max, DEAD), SPARE, "").await?;
    queue(connection, REQUESTS, &requests(queue_bytes_max, SPARE), REQUESTS, "#").await
}

/// Looking needs no right at all.
async fn look(connection: &Connection) -> Result<()> {
    for name in [REQUESTS, SPARE] {
        let channel = channel(connection).await?;
        in_time("a look at what is declared", async {
            let exchange = ExchangeDeclareOptions { passive: true, ..Default::default() };
            let queue = QueueDeclareOptions { passive: true, ..Default::default() };
            let absent = |error| match is(&error, AMQPSoftError::NOTFOUND) {
                true => BrokerError::Absent(name),
                false => BrokerError::Broker(error),
            };
            let looking =
                channel.exchange_declare(own(name), ExchangeKind::Topic, exchange, table(&[]));
            looking.await.map_err(absent)?;
            channel.queue_declare(own(name), queue, table(&[])).await.map_err(absent)?;
            Ok(channel.close(200, own("looked")).await?)
        })
        .await?;
    }
    Ok(())
}

fn is(error: &lapin::Error, soft: AMQPSoftError) -> bool {
    matches!(error.kind(), ErrorKind::ProtocolError(error) if *error.kind() == AMQPErrorKind::Soft(soft))
}

/// Dead-lettering at least once needs all of these together, or it silently is at most once.
fn requests(bytes_max: u64, dead_letters_to: &'static str) -> [(&'static str, AMQPValue); 6] {
    [
        ("x-queue-type", text("quorum")),
        ("x-max-length-bytes", number(i64::try_from(bytes_max).unwrap_or(i64::MAX))),
        ("x-overflow", text("reject-publish")),
        ("x-delivery-limit", number(BROKER_ATTEMPTS_MAX)),
        ("x-dead-letter-exchange", text(dead_letters_to)),
        ("x-dead-letter-strategy", text("at-least-once")),
    ]
}

fn text(value: &'static str) -> AMQPValue {
    AMQPValue::LongString(value.into())
}

fn number(value: i64) -> AMQPValue {
    AMQPValue::LongLongInt(value)
}

fn table(arguments: &[(&'static str, AMQPValue)]) -> FieldTable {
    let mut table = FieldTable::default();
    for (name, value) in arguments {
        table.insert(own(name), value.clone());
    }
    table
}

/// A failed declaration closes its channel, so each gets its own: the next is not to blame.
async fn channel(connection: &Connection) -> Result<Channel> {
    in_time("channel.open", async { Ok(connection.create_channel().await?) }).await
}

async fn exchange(
    connection: &Connection,
    name: &'static str,
    kind: ExchangeKind,
    arguments: &[(&'static str, AMQPValue)],
) -> Result<()> {
    let channel = channel(connection).await?;
    let durable = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
    in_time("exchange.declare", async {
        let declaring = channel.exchange_declare(own(name), kind, durable, table(arguments));
        declaring.await.map_err(|error| BrokerError::Topology { what: name, error })?;
        Ok(channel.close(200, own("declared")).await?)
    })
    .await
}

async fn queue(
    connection: &Connection,
    name: &'static str,
    arguments: &[(&'static str, AMQPValue)],
    bound_to: &'static str,
    by: &'static str,
) -> Result<()> {
    let channel = channel(connection).await?;
    in_time("queue.declare", async {
        let durable = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
        let declaring = channel.queue_declare(own(name), durable, table(arguments));
        declaring.await.map_err(|error| BrokerError::Topology { what: name, error })?;
        let options = QueueBindOptions::default();
        channel
            .queue_bind(own(name), own(bound_to), own(by), options, FieldTable::default())
            .await?;
        Ok(channel.close(200, own("declared")).await?)
    })
    .await
}
