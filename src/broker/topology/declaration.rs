//! One declaration or binding, each on a channel of its own.

use crate::broker::connection::answered;
use crate::broker::error::{BrokerError, Result};
use crate::broker::short_string::short_string;
use crate::broker::topology::definitions::{Argument, Exchange, Queue};
use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, Connection};

pub(super) async fn ensure_exchange(connection: &Connection, exchange: &Exchange) -> Result<()> {
    on_own_channel(connection, "exchange.declare", async move |channel| {
        let declared = declare_exchange(&channel, exchange).await;
        declared.map_err(|error| BrokerError::Topology { what: exchange.name.to_owned(), error })
    })
    .await
}

pub(super) async fn ensure_queue(connection: &Connection, queue: &Queue) -> Result<()> {
    on_own_channel(connection, "queue.declare", async move |channel| {
        let declared = declare_queue(&channel, queue).await;
        declared.map_err(|error| BrokerError::Topology { what: queue.name.to_string(), error })
    })
    .await
}

pub(super) async fn bind(connection: &Connection, queue: &Queue) -> Result<()> {
    on_own_channel(connection, "queue.bind", async move |channel| {
        let options = QueueBindOptions::default();
        let (name, exchange, key) = (
            short_string(&queue.name),
            short_string(queue.bound_to),
            short_string(queue.routing_key),
        );
        Ok(channel.queue_bind(name, exchange, key, options, FieldTable::default()).await?)
    })
    .await
}

/// Removes the binding; one that does not exist is no error.
pub(super) async fn unbind(connection: &Connection, queue: &Queue) -> Result<()> {
    on_own_channel(connection, "queue.unbind", async move |channel| {
        let (name, exchange, key) = (
            short_string(&queue.name),
            short_string(queue.bound_to),
            short_string(queue.routing_key),
        );
        Ok(channel.queue_unbind(name, exchange, key, FieldTable::default()).await?)
    })
    .await
}

/// A failed declaration closes its channel, so no other call may share it.
pub(super) async fn on_own_channel<D: Future<Output = Result<()>>>(
    connection: &Connection,
    what: &'static str,
    declaring: impl FnOnce(Channel) -> D,
) -> Result<()> {
    answered(connection, what, async {
        let channel = connection.create_channel().await?;
        declaring(channel.clone()).await?;
        Ok(channel.close(200, short_string("declared")).await?)
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
        arguments.insert(short_string(name), AMQPValue::LongString((*text).into()));
    }
    channel
        .exchange_declare(short_string(exchange.name), exchange.kind.clone(), durable, arguments)
        .await
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
        arguments.insert(short_string(name), value);
    }
    channel.queue_declare(short_string(&queue.name), durable, arguments).await.map(drop)
}
