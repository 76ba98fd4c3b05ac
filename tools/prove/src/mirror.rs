//! A broker that is at its worst: it delivers some requests twice, late and out of order.

use futures_util::StreamExt as _;
use lapin::options::{
    BasicConsumeOptions, BasicNackOptions, BasicPublishOptions, BasicQosOptions, QueueBindOptions,
    QueueDeclareOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};
use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use redeemq::broker::topology;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout, timeout_at};

/// Marks a copy, so that it is not copied again.
const COPY: &str = "x-prove-copy";
/// Copies are held back until there are so many, and then come shuffled.
const SHUFFLED: usize = 30;

/// Copies one request in thirty until it is stopped.
pub async fn mirror(amqp_url: String, seed: u64) {
    let mut rng = StdRng::seed_from_u64(seed);
    loop {
        let _fault = copy_on(&amqp_url, &mut rng).await;
        sleep(Duration::from_millis(500)).await;
    }
}

async fn connect(amqp_url: &str) -> anyhow::Result<(Connection, Channel)> {
    let connecting = Connection::connect(amqp_url, ConnectionProperties::default());
    let connection = timeout(Duration::from_secs(10), connecting).await??;
    let channel = connection.create_channel().await?;
    Ok((connection, channel))
}

async fn copy_on(amqp_url: &str, rng: &mut StdRng) -> anyhow::Result<()> {
    let (_connection, channel) = connect(amqp_url).await?;
    let exclusive = QueueDeclareOptions { exclusive: true, ..QueueDeclareOptions::default() };
    let queue = channel.queue_declare("".into(), exclusive, FieldTable::default()).await?;
    let queue = queue.name().clone();
    let (options, none) = (QueueBindOptions::default(), FieldTable::default());
    let requests = || topology::REQUESTS.into();
    channel.queue_bind(queue.clone(), requests(), "#".into(), options, none.clone()).await?;
    let options = BasicConsumeOptions { no_ack: true, ..BasicConsumeOptions::default() };
    let mut tapped = channel.basic_consume(queue, "".into(), options, none).await?;
    let mut held: Vec<(BasicProperties, lapin::types::ShortString, Vec<u8>)> = Vec::new();
    while let Some(delivery) = tapped.next().await {
        let delivery = delivery?;
        let mut headers = delivery.properties.headers().clone().unwrap_or_default();
        if headers.inner().contains_key(COPY) || !rng.random_bool(1.0 / 30.0) {
            continue;
        }
        headers.insert(COPY.into(), AMQPValue::Boolean(true));
        held.push((delivery.properties.with_headers(headers), delivery.routing_key, delivery.data));
        if held.len() >= SHUFFLED {
            held.shuffle(rng);
            for (properties, key, data) in held.drain(..) {
                let options = BasicPublishOptions::default();
                drop(channel.basic_publish(requests(), key, options, &data, properties).await?);
            }
        }
    }
    anyhow::bail!("the consumer ended")
}

/// Takes requests away from the workers, as one more consumer, holds them, and gives them back last
/// one first, so that they come late, redelivered and in no order.
pub async fn snatch(amqp_url: &str, count: u16, hold: Duration) -> anyhow::Result<usize> {
    let (connection, channel) = connect(amqp_url).await?;
    channel.basic_qos(count, BasicQosOptions::default()).await?;
    let (options, none) = (BasicConsumeOptions::default(), FieldTable::default());
    let queue = topology::REQUESTS.into();
    let mut consumer = channel.basic_consume(queue, "".into(), options, none).await?;
    let (mut taken, until) = (Vec::new(), Instant::now() + hold);
    while let Ok(Some(delivery)) = timeout_at(until, consumer.next()).await {
        taken.push(delivery?);
    }
    for delivery in taken.iter().rev() {
        let requeue = BasicNackOptions { requeue: true, multiple: false };
        delivery.acker.nack(requeue).await?;
    }
    connection.close(200, "given back".into()).await?;
    Ok(taken.len())
}
