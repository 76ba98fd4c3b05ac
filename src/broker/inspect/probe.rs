//! Questions to a broker that change nothing, whatever it answers.
//!
//! Rights are looked at before anything else, so they are asked for by requests that can't be fulfilled:
//! who has the right is told what is wrong with the request, who has not is told that. No message is
//! fetched, for that would count as an attempt, and none is published.

pub use crate::broker::topology::passive::ProbeResult;

use crate::broker::error::Result;
use crate::broker::short_string::own;
use crate::broker::topology::passive::{ask, is_exchange, is_queue};
use crate::broker::topology::{self, EXCHANGES, Exchange, Queue};
use lapin::options::{
    BasicGetOptions, BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Connection};
use std::time::Duration;

/// How often a question looks whether the broker has blocked us meanwhile.
const BLOCKED_CHECK: Duration = Duration::from_millis(100);

/// Whether this exchange is there as wanted.
///
/// # Errors
/// When the broker is away.
pub async fn exchange(connection: &Connection, wanted: &Exchange) -> Result<ProbeResult> {
    if !is_exchange(connection, wanted.name).await? {
        return Ok(ProbeResult::Missing);
    }
    ask(connection, async move |channel| topology::declare_exchange(&channel, wanted).await).await
}

/// Whether this queue is there as wanted.
///
/// # Errors
/// When the broker is away.
pub async fn queue(connection: &Connection, wanted: &Queue) -> Result<ProbeResult> {
    if !is_queue(connection, &wanted.name).await? {
        return Ok(ProbeResult::Missing);
    }
    ask(connection, async move |channel| topology::declare_queue(&channel, wanted).await).await
}

/// How many messages wait in a queue, and how many consumers it has; none when it is not there.
///
/// # Errors
/// When the broker is away.
pub async fn depth(connection: &Connection, queue: &str) -> Result<Option<(u32, u32)>> {
    let mut depth = None;
    let seen = &mut depth;
    ask(connection, async move |channel: Channel| {
        let passive = QueueDeclareOptions { passive: true, ..Default::default() };
        let declared = channel.queue_declare(own(queue), passive, FieldTable::default()).await?;
        *seen = Some((declared.message_count(), declared.consumer_count()));
        Ok(())
    })
    .await?;
    Ok(depth)
}

/// Something that the broker gives rights for, by name and whether or not it exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Right {
    /// To declare and delete.
    Configure,
    /// To publish to an exchange, to bind a queue.
    Write,
    /// To consume a queue, to bind to an exchange.
    Read,
}

/// Whether our user has this right, on an exchange of ours or on a name that nothing has. To read an
/// exchange of ours can be asked only by who may write to it.
///
/// # Errors
/// When the broker is away.
pub async fn may(connection: &Connection, right: Right, name: &str) -> Result<bool> {
    let heard = ask(connection, async move |channel| match right {
        Right::Configure => declare_impossibly(&channel, name).await,
        Right::Write => publish_impossibly(&channel, name, 0).await,
        Right::Read if is_ours(name) => unbind_impossibly(&channel, name).await,
        Right::Read => get_impossibly(&channel, name).await,
    });
    Ok(heard.await? != ProbeResult::Forbidden)
}

/// Whether the broker takes messages of this size. (It looks at the size before anything else.)
///
/// # Errors
/// When the broker is away.
pub async fn takes_bytes(connection: &Connection, bytes: usize) -> Result<bool> {
    let exchange = EXCHANGES[0].name;
    let heard =
        ask(connection, async move |channel| publish_impossibly(&channel, exchange, bytes).await);
    Ok(!matches!(heard.await?, ProbeResult::Refused(words) if words.contains("larger than")))
}

/// A limit that is no number.
async fn declare_impossibly(channel: &Channel, name: &str) -> lapin::Result<()> {
    let durable = QueueDeclareOptions { durable: true, ..Default::default() };
    let arguments = impossible("x-max-length");
    channel.queue_declare(own(name), durable, arguments).await.map(drop)
}

/// An expiry that is no number.
async fn publish_impossibly(channel: &Channel, exchange: &str, bytes: usize) -> lapin::Result<()> {
    channel.confirm_select(ConfirmSelectOptions::default()).await?;
    let properties = BasicProperties::default().with_expiration(own("never"));
    let options = BasicPublishOptions { mandatory: true, immediate: false };
    let body = vec![0; bytes];
    let publishing = channel.basic_publish(own(exchange), own(""), options, &body, properties);
    publishing.await?.await.map(drop)
}

/// The end of a binding that there is not: it takes the right to write to the queue and to read the
/// exchange, and rights go by names alone. A consumer would be sent messages, should the broker take it.
async fn unbind_impossibly(channel: &Channel, name: &str) -> lapin::Result<()> {
    let key = own(&uuid::Uuid::new_v4().to_string());
    channel.queue_unbind(own(name), own(name), key, FieldTable::default()).await
}

/// A message out of a queue that there is not.
async fn get_impossibly(channel: &Channel, queue: &str) -> lapin::Result<()> {
    channel.basic_get(own(queue), BasicGetOptions::default()).await.map(drop)
}

fn is_ours(name: &str) -> bool {
    EXCHANGES.iter().any(|exchange| exchange.name == name)
}

fn impossible(argument: &str) -> FieldTable {
    let mut arguments = FieldTable::default();
    arguments.insert(own(argument), AMQPValue::LongString("none".into()));
    arguments
}

/// Waits until the broker says that it blocks this connection, as it does for an alarm to those who
/// publish: their questions it then hears only later.
pub async fn until_blocked(connection: &Connection) {
    while !connection.status().blocked() {
        tokio::time::sleep(BLOCKED_CHECK).await;
    }
}
