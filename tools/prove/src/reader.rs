//! The reader of results: one durable queue that gets them all.

use crate::answer;
use crate::shared_client::SharedClient;
use anyhow::{Context as _, bail};
use futures_util::StreamExt as _;
use lapin::message::Delivery;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicQosOptions, QueueBindOptions, QueueDeclareOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, Connection, ConnectionProperties};
use redeemq::broker::topology;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;

const QUEUE: &str = "prove.results";
const PREFETCH: u16 = 500;

/// Makes the queue, so that no result is published before it is there.
pub async fn prepare(amqp_url: &str) -> anyhow::Result<()> {
    let connection = Connection::connect(amqp_url, ConnectionProperties::default()).await?;
    let _channel = open(&connection).await?;
    connection.close(200, "made".into()).await?;
    Ok(())
}

/// Reads for ever, over any number of connections. A result is acknowledged after it is written down,
/// so some are read twice.
pub async fn read(shared: Arc<SharedClient>, amqp_url: String) {
    loop {
        let Err(_fault) = read_on(&shared, &amqp_url).await else { return };
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
}

async fn read_on(shared: &SharedClient, amqp_url: &str) -> anyhow::Result<()> {
    let connecting = Connection::connect(amqp_url, ConnectionProperties::default());
    let connection = tokio::time::timeout(Duration::from_secs(10), connecting).await??;
    let channel = open(&connection).await?;
    channel.basic_qos(PREFETCH, BasicQosOptions::default()).await?;
    let (options, none) = (BasicConsumeOptions::default(), FieldTable::default());
    let mut consumer = channel.basic_consume(QUEUE.into(), "".into(), options, none).await?;
    while let Some(delivery) = consumer.next().await {
        let delivery = delivery?;
        write_down(shared, &delivery).context("a result")?;
        delivery.ack(BasicAckOptions::default()).await?;
    }
    bail!("the consumer ended")
}

fn write_down(shared: &SharedClient, delivery: &Delivery) -> anyhow::Result<()> {
    let text = |field: &Option<lapin::types::ShortString>| {
        field.as_ref().map(ToString::to_string).unwrap_or_default()
    };
    let correlation = text(delivery.properties.correlation_id());
    if !correlation.starts_with("prove-") {
        return Ok(()); // the last questions, which are no jobs of the campaign
    }
    let body: Value = serde_json::from_slice(&delivery.data)?;
    let mut history = shared.history();
    if body["status"] == "dead" {
        history.strays.push(format!("{correlation} is dead: {body}"));
        return Ok(());
    }
    let decided_at = body["decided_at"].as_str().and_then(redeemq::wire::instant);
    let decided_at = decided_at.context("decided_at")?.unix_timestamp_nanos() / 1_000;
    let id = text(delivery.properties.message_id());
    let heard = answer::of_result(&body);
    history.result(&correlation, &id, heard.clone(), i64::try_from(decided_at)?);
    let wish = crate::history::job_of(&correlation).and_then(|job| history.jobs.get(job));
    let wish = wish.map(|job| (job.client, job.wish.clone()));
    drop(history);
    if let Some((client, wish)) = wish {
        shared.remember_codes(client, &wish, &heard);
    }
    Ok(())
}

async fn open(connection: &Connection) -> anyhow::Result<Channel> {
    let channel = connection.create_channel().await?;
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
    let durable = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
    channel.queue_declare(QUEUE.into(), durable, arguments).await?;
    let (options, none) = (QueueBindOptions::default(), FieldTable::default());
    channel.queue_bind(QUEUE.into(), topology::RESULTS.into(), "#".into(), options, none).await?;
    Ok(channel)
}
