//! Publishing each message on a channel of its own.
//!
//! A queue whose leader is lost stops the channel that publishes to it: whatever follows on that channel
//! waits, for a minute a message, and the confirms of what went before wait as well. Here a message can
//! stop nothing but itself.

use crate::broker::connection::{BROKER_TIMEOUT, Pool, close};
use crate::broker::error::{BrokerError, Result};
use crate::broker::publish::channel::{confirming, send, within_unblocked};
use crate::broker::publish::message::{ConfirmStatus, MaxMessageSize, Outgoing};
use deadpool_lapin::Object;
use lapin::{Confirmation, Connection, ErrorKind};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::OnceCell;

/// A connection for messages that go alone, shared by its clones; it connects when there is one.
#[derive(Clone)]
pub struct IsolatedPublisher {
    pool: Pool,
    max_message_size: MaxMessageSize,
    /// It never goes back to the pool: channels that stand still are left on it.
    connection: Arc<OnceCell<Connection>>,
}

impl IsolatedPublisher {
    /// With a connection out of this pool.
    pub fn new(pool: Pool, max_message_size: MaxMessageSize) -> Self {
        Self { pool, max_message_size, connection: Arc::default() }
    }

    /// Publishes, and waits so long for the confirm; time while the broker blocks us does not count.
    ///
    /// # Errors
    /// When the broker can't be reached, does not answer or ends the connection.
    pub async fn publish(&self, message: &Outgoing, limit: Duration) -> Result<ConfirmStatus> {
        if !self.max_message_size.allows(message) {
            return Ok(ConfirmStatus::TooLarge);
        }
        match self.try_publish(message, limit).await {
            Err(BrokerError::Broker(error))
                if matches!(error.kind(), ErrorKind::ChannelsLimitReached) =>
            {
                // As if sent: the next try shall not come at once.
                tokio::time::sleep(limit).await;
                Ok(ConfirmStatus::Unconfirmed)
            }
            Err(error) => {
                self.max_message_size.learn(std::slice::from_ref(message), &error);
                let is_too_large = !self.max_message_size.allows(message);
                if is_too_large { Ok(ConfirmStatus::TooLarge) } else { Err(error) }
            }
            status => status,
        }
    }

    async fn try_publish(&self, message: &Outgoing, limit: Duration) -> Result<ConfirmStatus> {
        let connection = self.connection.get_or_try_init(|| self.connect()).await?;
        let status = connection.status();
        let opening = within_unblocked(status, BROKER_TIMEOUT, true, confirming(connection)).await;
        let channel = opening.unwrap_or(Err(BrokerError::TimedOut("channel.open")))?;
        let publishing = async { Ok(send(&channel, message).await?.await?) };
        let confirmed: Option<Result<Confirmation>> =
            within_unblocked(status, limit, true, publishing).await;
        Ok(match confirmed.transpose()? {
            None => ConfirmStatus::Unconfirmed,
            Some(Confirmation::Ack(Some(_))) => ConfirmStatus::Returned,
            Some(Confirmation::Ack(None) | Confirmation::NotRequested) => ConfirmStatus::Confirmed,
            Some(Confirmation::Nack(_)) => ConfirmStatus::Refused,
        })
    }

    async fn connect(&self) -> Result<Connection> {
        let connection = self.pool.get().await;
        connection.map(Object::take).map_err(|error| BrokerError::Pool(error.to_string()))
    }

    /// Ends the connection, and with it the channels that stand still.
    pub async fn close(self) {
        if let Some(connection) = self.connection.get() {
            close(connection).await;
        }
    }
}
