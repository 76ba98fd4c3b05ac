//! A reply queue of one's own: exclusive, gone with its connection.

use crate::broker::connection::{close, connect, in_time};
use crate::broker::error::{BrokerError, Result};
use crate::broker::short_string::own;
use crate::broker::topology::REPLY_PREFIX;
use futures_util::StreamExt as _;
use lapin::Connection;
use lapin::options::{BasicConsumeOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use secrecy::SecretString;

/// An open reply queue.
pub struct ReplyQueue {
    connection: Connection,
    deliveries: lapin::Consumer,
    name: String,
}

impl ReplyQueue {
    /// Declares a queue and consumes it without acknowledgements: what is lost is in the ledger.
    ///
    /// # Errors
    /// When the broker is away.
    pub async fn open(url: &SecretString) -> Result<Self> {
        let connection = connect(url, "redeemq ingress: replies").await?;
        let name = format!("{REPLY_PREFIX}{}", uuid::Uuid::new_v4());
        let deliveries = in_time("reply queue", async {
            let channel = connection.create_channel().await?;
            let declare = QueueDeclareOptions {
                exclusive: true,
                auto_delete: true,
                ..QueueDeclareOptions::default()
            };
            channel.queue_declare(own(&name), declare, FieldTable::default()).await?;
            let consume = BasicConsumeOptions { no_ack: true, ..BasicConsumeOptions::default() };
            Ok(channel.basic_consume(own(&name), own(""), consume, FieldTable::default()).await?)
        })
        .await?;
        Ok(Self { connection, deliveries, name })
    }

    /// Where results shall go.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The next result: its job id and body.
    ///
    /// # Errors
    /// When the queue is lost.
    pub async fn next(&mut self) -> Result<(String, String)> {
        let delivery = self.deliveries.next().await.ok_or(BrokerError::ConsumerEnded)??;
        let job_id = delivery.properties.message_id().clone().unwrap_or_default();
        Ok((job_id.to_string(), String::from_utf8_lossy(&delivery.data).into_owned()))
    }

    /// Gives it up.
    pub async fn close(self) {
        close(self.connection).await;
    }
}
