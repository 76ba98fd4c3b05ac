//! Publishing with confirms, a window at a time.

use super::{BrokerError, Result, in_time, own};
use deadpool_lapin::{Object, Pool};
use lapin::Confirmation;
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::types::ShortString;
use lapin::{BasicProperties, Channel};
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// How often a pending window looks whether the broker has blocked us meanwhile.
const BLOCKED_CHECK: Duration = Duration::from_millis(100);

/// One message to be published.
#[derive(derive_more::Debug, Clone)]
pub struct Outgoing {
    /// Exchange; empty for the default one, which routes by queue name.
    pub exchange: &'static str,
    /// Routing key.
    pub routing_key: ShortString,
    /// Whether it shall come back when no queue wants it.
    pub mandatory: bool,
    /// Properties; `message_id` must be set, for returned messages are told apart by it.
    pub properties: BasicProperties,
    /// Body.
    #[debug("***")]
    pub body: Arc<[u8]>,
}

/// What the broker said of one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Receipt {
    /// It is safe in every queue that wanted it.
    Confirmed,
    /// No queue wanted it.
    Returned,
    /// A queue that wanted it is full.
    Refused,
}

/// One connection and one channel in confirm mode, for one task.
pub struct Publisher {
    connection: Object,
    channel: Channel,
}

impl Publisher {
    /// Takes a connection out of the pool.
    ///
    /// # Errors
    /// When there is none to be had.
    pub async fn open(pool: &Pool) -> Result<Self> {
        let connection = pool.get().await.map_err(|error| BrokerError::Pool(error.to_string()))?;
        let channel = in_time("channel.open", async {
            let channel = connection.create_channel().await?;
            channel.confirm_select(ConfirmSelectOptions::default()).await?;
            Ok(channel)
        })
        .await?;
        Ok(Self { connection, channel })
    }

    /// Whether the broker has blocked this connection (memory or disk alarm).
    pub fn is_blocked(&self) -> bool {
        self.connection.status().blocked()
    }

    /// Whether connection and channel still stand.
    pub fn is_usable(&self) -> bool {
        self.connection.status().connected() && self.channel.status().connected()
    }

    /// Publishes a window and waits for all its confirms; time while blocked does not count when
    /// `patient`, else a block ends the wait.
    ///
    /// The client library attaches a returned message to the *next* confirm, whichever that is. So
    /// no verdict is read from the position: returns are collected over the whole window, and
    /// matched by message id and destination.
    ///
    /// # Errors
    /// The fate of every message of the window is then unknown, and this publisher done with.
    pub async fn publish(&self, window: &[Outgoing], patient: bool) -> Result<Vec<Receipt>> {
        let publishing = self.publish_all(window);
        tokio::pin!(publishing);
        let mut deadline = Instant::now() + super::BROKER_TIMEOUT;
        loop {
            match tokio::time::timeout(BLOCKED_CHECK, &mut publishing).await {
                Ok(receipts) => return receipts,
                Err(_) if self.is_blocked() && patient => {
                    deadline = Instant::now() + super::BROKER_TIMEOUT;
                }
                Err(_) if self.is_blocked() || Instant::now() >= deadline => {
                    return Err(BrokerError::TimedOut("basic.publish"));
                }
                Err(_) => {}
            }
        }
    }

    async fn publish_all(&self, window: &[Outgoing]) -> Result<Vec<Receipt>> {
        let mut confirms = Vec::with_capacity(window.len());
        for message in window {
            let options = BasicPublishOptions { mandatory: message.mandatory, immediate: false };
            let publishing = self.channel.basic_publish(
                own(message.exchange),
                message.routing_key.clone(),
                options,
                &message.body,
                message.properties.clone(),
            );
            confirms.push(publishing.await?);
        }
        let mut acked = Vec::with_capacity(window.len());
        let mut returned = HashSet::new();
        for confirm in confirms {
            let confirmation = confirm.await?;
            acked.push(confirmation.is_ack());
            if let Confirmation::Ack(Some(message)) | Confirmation::Nack(Some(message)) =
                confirmation
            {
                let delivery = message.delivery;
                let id = delivery.properties.message_id().clone().unwrap_or_default();
                returned.insert((id, delivery.exchange, delivery.routing_key));
            }
        }
        let receipt = |(message, acked): (&Outgoing, bool)| match acked {
            false => Receipt::Refused,
            true if returned.contains(&message.destination()) => Receipt::Returned,
            true => Receipt::Confirmed,
        };
        Ok(window.iter().zip(acked).map(receipt).collect())
    }

    /// Leaves the connection out of the pool for good: nobody shall get it after a fault. Nobody waits
    /// for its end either, for a blocked broker does not answer.
    pub fn discard(self) {
        tokio::spawn(super::close(Object::take(self.connection)));
    }
}

impl Outgoing {
    fn destination(&self) -> (ShortString, ShortString, ShortString) {
        let id = self.properties.message_id().clone().unwrap_or_default();
        (id, own(self.exchange), self.routing_key.clone())
    }
}
