//! Reads results at the least cost: one quorum queue for all, a large prefetch, one ack for many.

use crate::rig::Run;
use anyhow::Context as _;
use futures_util::StreamExt as _;
use lapin::message::Delivery;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicQosOptions, QueueBindOptions, QueueDeclareOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Connection, Consumer};
use redeemq::broker::topology;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

const QUEUE: &str = "bench.results";
const PREFETCH: u16 = 5_000;
/// Most results that one ack covers.
const AT_ONCE: usize = 500;
/// What a success has in it, wherever that stands.
const SUCCESS: &[u8] = br#""error_code":"0000""#;

/// Binds the queue.
pub async fn open(connection: &Connection) -> anyhow::Result<Consumer> {
    let channel = connection.create_channel().await?;
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
    let durable = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
    channel.queue_declare(QUEUE.into(), durable, arguments).await?;
    let (options, none) = (QueueBindOptions::default(), FieldTable::default());
    channel.queue_bind(QUEUE.into(), topology::RESULTS.into(), "#".into(), options, none).await?;
    channel.basic_qos(PREFETCH, BasicQosOptions::default()).await?;
    let (options, none) = (BasicConsumeOptions::default(), FieldTable::default());
    Ok(channel.basic_consume(QUEUE.into(), "".into(), options, none).await?)
}

/// Reads for ever, into the run of the moment.
pub async fn read(consumer: Consumer, current: Arc<Mutex<Arc<Run>>>) -> anyhow::Result<()> {
    let mut chunks = consumer.ready_chunks(AT_ONCE);
    while let Some(chunk) = chunks.next().await {
        let now = Instant::now();
        let run = Arc::clone(&current.lock().unwrap_or_else(PoisonError::into_inner));
        let mut last: Option<Delivery> = None;
        let mut numbers = Vec::new();
        let count = chunk.len();
        for delivery in chunk {
            let delivery = delivery?;
            if !is_success(&delivery.data) {
                run.fail(&String::from_utf8_lossy(&delivery.data));
            }
            if run.is_timed {
                numbers.push(number(&delivery).context("a result without its correlation id")?);
            }
            last = Some(delivery);
        }
        run.receive(count as u64, numbers, now);
        if let Some(last) = last {
            last.ack(BasicAckOptions { multiple: true }).await?;
        }
    }
    anyhow::bail!("the queue of results ended")
}

fn is_success(body: &[u8]) -> bool {
    body.windows(SUCCESS.len()).any(|bytes| bytes == SUCCESS)
}

fn number(delivery: &Delivery) -> Option<u64> {
    delivery.properties.correlation_id().as_ref()?.as_str().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::is_success;

    #[test]
    fn a_refusal_is_no_success() {
        assert!(is_success(br#"{"success":true,"error_code":"0000","message":"Success"}"#));
        assert!(!is_success(br#"{"success":false,"error_code":"0604","message":"0000"}"#));
        assert!(!is_success(b""));
    }
}
