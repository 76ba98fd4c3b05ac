//! A reply queue for one process: exclusive, and deleted with its connection.

use crate::broker::connection::{answered, close, connect};
use crate::broker::error::{BrokerError, Result};
use crate::broker::short_string::short_string;
use crate::broker::topology::REPLY_PREFIX;
use futures_util::StreamExt as _;
use lapin::Connection;
use lapin::options::{BasicConsumeOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use secrecy::SecretString;

/// An open reply queue.
pub(crate) struct ReplyQueue {
    connection: Connection,
    deliveries: lapin::Consumer,
    name: String,
}

impl ReplyQueue {
    /// Declares a queue and consumes it without acknowledgements: a lost result is still in the ledger.
    ///
    /// # Errors
    /// When the broker is away.
    pub(crate) async fn open(url: &SecretString) -> Result<Self> {
        let connection = connect(url, "redeemq ingress: replies").await?;
        let name = format!("{REPLY_PREFIX}{}", uuid::Uuid::new_v4());
        let deliveries = answered(&connection, "reply queue", async {
            let channel = connection.create_channel().await?;
            let declare = QueueDeclareOptions {
                exclusive: true,
                auto_delete: true,
                ..QueueDeclareOptions::default()
            };
            channel.queue_declare(short_string(&name), declare, FieldTable::default()).await?;
            let consume = BasicConsumeOptions { no_ack: true, ..BasicConsumeOptions::default() };
            Ok(channel
                .basic_consume(
                    short_string(&name),
                    short_string(""),
                    consume,
                    FieldTable::default(),
                )
                .await?)
        })
        .await?;
        Ok(Self { connection, deliveries, name })
    }

    /// The `reply_to` of requests whose results shall come here.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The next result: its job id and body. Whatever else was sent here has no job id, and is dropped.
    ///
    /// # Errors
    /// When the queue is lost.
    pub(crate) async fn next(&mut self) -> Result<(String, String)> {
        loop {
            let delivery = self.deliveries.next().await.ok_or(BrokerError::ConsumerEnded)??;
            match delivery.properties.message_id() {
                Some(job_id) => {
                    let body = String::from_utf8_lossy(&delivery.data).into_owned();
                    return Ok((job_id.to_string(), body));
                }
                None => {
                    tracing::debug!(queue = self.name, "a reply without a message id was dropped")
                }
            }
        }
    }

    pub(crate) async fn close(self) {
        close(self.connection).await;
    }
}
