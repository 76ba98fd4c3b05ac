//! Calls that change nothing, whatever the broker answers.
//!
//! The broker checks rights before anything else. So a right is probed by a call that can't succeed: a
//! user who has the right is told what is wrong with the call, one who has not is told that. No message
//! is fetched, for that would count as a delivery, and none is published.

pub(crate) use crate::broker::topology::passive::ProbeResult;

use crate::broker::error::Result;
use crate::broker::short_string::short_string;
use crate::broker::topology::passive::{self, Existence, QueueState, probe};
use crate::broker::topology::{self, EXCHANGES, Exchange, Queue};
use lapin::options::{
    BasicGetOptions, BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Connection};
use std::time::Duration;

/// How often to check whether the broker has blocked a connection.
const BLOCKED_CHECK: Duration = Duration::from_millis(100);

/// Whether this exchange exists as wanted. It is declared only when it exists, so never created.
///
/// # Errors
/// When the broker is away.
pub(crate) async fn exchange(connection: &Connection, wanted: &Exchange) -> Result<ProbeResult> {
    match passive::exchange(connection, wanted.name).await? {
        Existence::Missing => Ok(ProbeResult::Missing),
        Existence::Hidden => Ok(ProbeResult::Forbidden),
        Existence::Present => {
            probe(connection, async move |channel| {
                topology::declare_exchange(&channel, wanted).await
            })
            .await
        }
    }
}

/// Whether this queue exists as wanted. It is declared only when it exists, so never created.
///
/// # Errors
/// When the broker is away.
pub(crate) async fn queue(connection: &Connection, wanted: &Queue) -> Result<ProbeResult> {
    match passive::queue(connection, &wanted.name).await? {
        QueueState::Missing => Ok(ProbeResult::Missing),
        QueueState::Hidden => Ok(ProbeResult::Forbidden),
        QueueState::Present { .. } => {
            probe(connection, async move |channel| topology::declare_queue(&channel, wanted).await)
                .await
        }
    }
}

/// A queue's ready messages and its consumers; none when there is no such queue, or this user has no
/// right on it.
///
/// # Errors
/// When the broker is away.
pub(crate) async fn depth(connection: &Connection, queue: &str) -> Result<Option<(u32, u32)>> {
    Ok(match passive::queue(connection, queue).await? {
        QueueState::Present { messages, consumers } => Some((messages, consumers)),
        QueueState::Missing | QueueState::Hidden => None,
    })
}

/// A right, which the broker gives by name, whether or not anything of that name exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Right {
    /// To declare and delete.
    Configure,
    /// To publish to an exchange, to bind a queue.
    Write,
    /// To consume a queue, to bind to an exchange.
    Read,
}

/// Whether our user has this right, on an exchange of ours or on a name that nothing has. The right to
/// read an exchange of ours can be probed only by a user who may write to it.
///
/// # Errors
/// When the broker is away.
pub(crate) async fn may(connection: &Connection, right: Right, name: &str) -> Result<bool> {
    let result = probe(connection, async move |channel| match right {
        Right::Configure => declare_invalid(&channel, name).await,
        Right::Write => publish_invalid(&channel, name, 0).await,
        Right::Read if is_ours(name) => unbind_invalid(&channel, name).await,
        Right::Read => get_invalid(&channel, name).await,
    });
    Ok(result.await? != ProbeResult::Forbidden)
}

/// Whether the broker takes messages of this size, which it checks before anything else.
///
/// # Errors
/// When the broker is away.
pub(crate) async fn takes_bytes(connection: &Connection, bytes: usize) -> Result<bool> {
    let exchange = EXCHANGES[0].name;
    let result =
        probe(connection, async move |channel| publish_invalid(&channel, exchange, bytes).await);
    Ok(!matches!(result.await?, ProbeResult::Refused(words) if words.contains("larger than")))
}

/// Asks for a limit that is no number.
async fn declare_invalid(channel: &Channel, name: &str) -> lapin::Result<()> {
    let durable = QueueDeclareOptions { durable: true, ..Default::default() };
    let arguments = invalid("x-max-length");
    channel.queue_declare(short_string(name), durable, arguments).await.map(drop)
}

/// Asks for an expiry that is no number.
async fn publish_invalid(channel: &Channel, exchange: &str, bytes: usize) -> lapin::Result<()> {
    channel.confirm_select(ConfirmSelectOptions::default()).await?;
    let properties = BasicProperties::default().with_expiration(short_string("never"));
    let options = BasicPublishOptions { mandatory: true, immediate: false };
    let body = vec![0; bytes];
    let publishing =
        channel.basic_publish(short_string(exchange), short_string(""), options, &body, properties);
    publishing.await?.await.map(drop)
}

/// Removes a binding that does not exist: that takes the right to write to the queue and to read the
/// exchange, and rights go by names alone. A consumer would be sent messages if the broker took it.
async fn unbind_invalid(channel: &Channel, name: &str) -> lapin::Result<()> {
    let key = short_string(&uuid::Uuid::new_v4().to_string());
    channel.queue_unbind(short_string(name), short_string(name), key, FieldTable::default()).await
}

/// Gets a message from a queue that does not exist.
async fn get_invalid(channel: &Channel, queue: &str) -> lapin::Result<()> {
    channel.basic_get(short_string(queue), BasicGetOptions::default()).await.map(drop)
}

fn is_ours(name: &str) -> bool {
    EXCHANGES.iter().any(|exchange| exchange.name == name)
}

fn invalid(argument: &str) -> FieldTable {
    let mut arguments = FieldTable::default();
    arguments.insert(short_string(argument), AMQPValue::LongString("none".into()));
    arguments
}

/// Waits until the broker blocks this connection, as an alarm does to those that publish. It then
/// answers only when the alarm is over.
pub(crate) async fn until_blocked(connection: &Connection) {
    while !connection.status().blocked() {
        tokio::time::sleep(BLOCKED_CHECK).await;
    }
}
