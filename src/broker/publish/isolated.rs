//! Publishing each message on a channel of its own.
//!
//! A queue whose leader is lost stops the channel that publishes to it: whatever follows on that channel
//! waits, for a minute a message, and the confirms of what went before wait as well. Here a message can
//! stop nothing but itself.

use crate::broker::connection::{BROKER_TIMEOUT, Pool, close};
use crate::broker::error::{BrokerError, Result};
use crate::broker::publish::message::{ConfirmStatus, MaxMessageSize, Outgoing};
use crate::broker::publish::publisher::{confirming, send, within_unblocked};
use deadpool_lapin::Object;
use lapin::{Confirmation, Connection, ErrorKind};
use std::sync::Arc;
use std::time::Duration;

/// A connection for messages that go alone; it connects when there is one.
pub struct IsolatedPublisher {
    pool: Pool,
    bound: MaxMessageSize,
    connection: Option<Arc<Connection>>,
}

/// The way for one message.
pub struct IsolatedChannel {
    connection: Arc<Connection>,
    bound: MaxMessageSize,
}

impl IsolatedPublisher {
    /// With a connection out of this pool.
    pub fn new(pool: Pool, bound: MaxMessageSize) -> Self {
        Self { pool, bound, connection: None }
    }

    /// For one message.
    ///
    /// # Errors
    /// When there is no connection to be had.
    pub async fn way(&mut self) -> Result<IsolatedChannel> {
        let connection = match &self.connection {
            Some(connection) => Arc::clone(connection),
            None => {
                let got = self.pool.get().await;
                // It never goes back: channels that stand still are left on it.
                let got = got.map_err(|error| BrokerError::Pool(error.to_string()))?;
                Arc::clone(self.connection.insert(Arc::new(Object::take(got))))
            }
        };
        Ok(IsolatedChannel { connection, bound: self.bound.clone() })
    }

    /// Ends it, and with it the channels that stand still.
    pub async fn close(self) {
        if let Some(connection) = self.connection {
            close(connection).await;
        }
    }
}

impl IsolatedChannel {
    /// Publishes, and waits so long for the confirm; time while the broker blocks us does not count.
    ///
    /// # Errors
    /// When the broker does not answer or ends the connection.
    pub async fn publish(self, message: &Outgoing, limit: Duration) -> Result<ConfirmStatus> {
        if !self.bound.allows(message) {
            return Ok(ConfirmStatus::TooLarge);
        }
        match self.try_publish(message, limit).await {
            Err(BrokerError::Broker(error))
                if matches!(error.kind(), ErrorKind::ChannelsLimitReached) =>
            {
                Ok(ConfirmStatus::Unconfirmed)
            }
            Err(error) => {
                self.bound.learn(std::slice::from_ref(message), &error);
                if self.bound.allows(message) { Err(error) } else { Ok(ConfirmStatus::TooLarge) }
            }
            receipt => receipt,
        }
    }

    async fn try_publish(&self, message: &Outgoing, limit: Duration) -> Result<ConfirmStatus> {
        let status = self.connection.status();
        let opening =
            within_unblocked(status, BROKER_TIMEOUT, true, confirming(&self.connection)).await;
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
}
