//! One declaration, each on a channel of its own.

use crate::broker::connection::in_time;
use crate::broker::error::{BrokerError, Result};
use crate::broker::short_string::own;
use crate::broker::topology::definitions::{Argument, Exchange, Queue};
use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, Connection};

/// Declares a queue.
pub(in crate::broker) async fn set_up(connection: &Connection, queue: &Queue) -> Result<()> {
    on_a_channel(connection, "queue.declare", async move |channel| {
        let declared = declare_queue(&channel, queue).await;
        let what = queue.name.to_string();
        declared.map_err(|error| BrokerError::Topology { what, error })
    })
    .await
}

/// Binds a queue where it belongs.
pub(in crate::broker) async fn bind(connection: &Connection, queue: &Queue) -> Result<()> {
    on_a_channel(connection, "queue.bind", async move |channel| {
        let options = QueueBindOptions::default();
        let (name, exchange, by) = (own(&queue.name), own(queue.bound_to), own(queue.by));
        Ok(channel.queue_bind(name, exchange, by, options, FieldTable::default()).await?)
    })
    .await
}

/// Takes that binding away; a binding that is not there is no error.
pub(in crate::broker) async fn unbind(connection: &Connection, queue: &Queue) -> Result<()> {
    on_a_channel(connection, "queue.unbind", async move |channel| {
        let (name, exchange, by) = (own(&queue.name), own(queue.bound_to), own(queue.by));
        Ok(channel.queue_unbind(name, exchange, by, FieldTable::default()).await?)
    })
    .await
}

/// A failed declaration closes its channel, so each gets its own: the next is not to blame.
pub(in crate::broker) async fn on_a_channel<D: Future<Output = Result<()>>>(
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

pub(in crate::broker) async fn declare_exchange(
    channel: &Channel,
    exchange: &Exchange,
) -> lapin::Result<()> {
    let durable = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
    let mut arguments = FieldTable::default();
    for (name, text) in exchange.arguments {
        arguments.insert(own(name), AMQPValue::LongString((*text).into()));
    }
    channel.exchange_declare(own(exchange.name), exchange.kind.clone(), durable, arguments).await
}

pub(in crate::broker) async fn declare_queue(
    channel: &Channel,
    queue: &Queue,
) -> lapin::Result<()> {
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
