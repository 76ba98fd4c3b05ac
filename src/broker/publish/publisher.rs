//! Publishing with confirms, a window at a time.

use crate::broker::connection::{BROKER_TIMEOUT, answered, close};
use crate::broker::error::{BrokerError, Result};
use crate::broker::publish::channel::{confirming, send, within_unblocked};
use crate::broker::publish::in_flight::InFlight;
use crate::broker::publish::message::{ConfirmStatus, MaxMessageSize, Outgoing};
use crate::broker::short_string::short_string;
use crate::failpoint::{self, Point};
use deadpool_lapin::{Object, Pool};
use lapin::{Channel, Connection, ConnectionStatus};
use std::borrow::Borrow;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

/// How soon a broker that is there answers a question which touches no queue.
const ANSWER_MAX: Duration = Duration::from_millis(450);
/// The same where no caller waits, and a false alarm costs a session.
const LAST_ANSWER_MAX: Duration = Duration::from_secs(1);
/// Most messages that wait for their confirms. RabbitMQ reads no more from a connection one of whose
/// channels stands still with 400 messages before it, of which up to 200 may be behind it already;
/// then the connection could neither be asked anything nor be closed.
const IN_FLIGHT_MAX: usize = 200;

/// Tells whether the broker has blocked a publisher, whatever connection that has by now.
#[derive(Clone)]
pub struct BlockedStatus(Arc<RwLock<ConnectionStatus>>);

impl BlockedStatus {
    fn of(connection: &Connection) -> Self {
        Self(Arc::new(RwLock::new(connection.status().clone())))
    }

    /// Memory or disk alarm: what is published waits for its end.
    pub fn is_blocked(&self) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).blocked()
    }

    fn follow(&self, connection: &Connection) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = connection.status().clone();
    }
}

/// One connection and one channel in confirm mode, for one task.
pub struct Publisher {
    connection: Object,
    channel: Channel,
    max_message_size: MaxMessageSize,
    blocked_status: BlockedStatus,
}

impl Publisher {
    /// Takes a connection out of the pool.
    ///
    /// # Errors
    /// When there is none to be had.
    pub async fn open(pool: &Pool, max_message_size: MaxMessageSize) -> Result<Self> {
        let connection = pool.get().await.map_err(|error| BrokerError::Pool(error.to_string()))?;
        let channel = answered(&connection, "channel.open", confirming(&connection)).await?;
        let blocked_status = BlockedStatus::of(&connection);
        Ok(Self { connection, channel, max_message_size, blocked_status })
    }

    /// Goes on with another connection. What the broker has not confirmed on this one can no longer
    /// reach us, or be taken for the confirm of something later.
    ///
    /// # Errors
    /// When there is none to be had.
    pub async fn renew(&mut self, pool: &Pool) -> Result<()> {
        let mut fresh = Self::open(pool, self.max_message_size.clone()).await?;
        fresh.blocked_status = self.blocked_status.clone();
        fresh.blocked_status.follow(&fresh.connection);
        std::mem::replace(self, fresh).discard();
        Ok(())
    }

    /// For the task that feeds this publisher.
    pub fn blocked_status(&self) -> BlockedStatus {
        self.blocked_status.clone()
    }

    /// Whether the broker has blocked this connection (memory or disk alarm).
    pub fn is_blocked(&self) -> bool {
        self.connection.status().blocked()
    }

    /// Whether connection and channel still stand.
    pub fn is_usable(&self) -> bool {
        self.connection.status().connected() && self.channel.status().connected()
    }

    /// Asks for any sign of life. Confirms wait for queues and disks; this does not.
    ///
    /// # Errors
    /// When the broker is silent.
    pub async fn ask(&self) -> Result<()> {
        self.ask_for(ANSWER_MAX).await
    }

    async fn ask_for(&self, limit: Duration) -> Result<()> {
        let asking = async {
            let channel = self.connection.create_channel().await?;
            Ok(channel.close(200, short_string("asked")).await?)
        };
        let silent = Err(BrokerError::TimedOut("channel.open"));
        tokio::time::timeout(limit, asking).await.unwrap_or(silent)
    }

    /// Publishes a window and waits for all its confirms; time while blocked does not count when
    /// `patient`, else a block ends the wait.
    ///
    /// # Errors
    /// The fate of every message of the window is then unknown, and this publisher done with.
    pub async fn publish(
        &self,
        window: &[impl Borrow<Outgoing>],
        patient: bool,
    ) -> Result<Vec<ConfirmStatus>> {
        let statuses = self.publish_allowing_unconfirmed(window, patient).await?;
        if statuses.contains(&ConfirmStatus::Unconfirmed) {
            return Err(BrokerError::TimedOut("basic.publish"));
        }
        Ok(statuses)
    }

    /// The same, but what is not confirmed in time is no error while the broker answers otherwise. This
    /// publisher must be renewed then.
    ///
    /// # Errors
    /// The fate of every message of the window is then unknown, and this publisher done with.
    pub async fn publish_allowing_unconfirmed(
        &self,
        window: &[impl Borrow<Outgoing>],
        patient: bool,
    ) -> Result<Vec<ConfirmStatus>> {
        let mut in_flight = InFlight::new(window.len());
        let publishing = self.publish_all(window, &mut in_flight);
        let status = self.connection.status();
        match within_unblocked(status, BROKER_TIMEOUT, patient, publishing).await {
            Some(published) => {
                published.inspect_err(|error| self.max_message_size.learn(window, error))?
            }
            None if self.is_blocked() => return Err(BrokerError::TimedOut("basic.publish")),
            None => {
                self.ask_for(LAST_ANSWER_MAX).await?;
                in_flight.take_arrived();
            }
        }
        Ok(in_flight.statuses(window))
    }

    async fn publish_all<'w>(
        &'w self,
        window: &'w [impl Borrow<Outgoing>],
        in_flight: &mut InFlight<'w>,
    ) -> Result<()> {
        for (position, message) in window.iter().enumerate() {
            let message: &Outgoing = message.borrow();
            if !self.max_message_size.allows(message) {
                in_flight.is_too_large(position);
                continue;
            }
            while in_flight.len() >= IN_FLIGHT_MAX {
                in_flight.next().await?;
            }
            if let Err(error) = in_flight.send(position, send(&self.channel, message)) {
                return Err(in_flight.cause().await.unwrap_or(error));
            }
        }
        if let Err(error) = in_flight.flush().await {
            return Err(in_flight.cause().await.unwrap_or(error));
        }
        failpoint::hit(Point::AfterPublish);
        while in_flight.len() > 0 {
            in_flight.next().await?;
        }
        Ok(())
    }

    /// Leaves the connection out of the pool for good: nobody shall get it after a fault. Nobody waits
    /// for its end either, for a blocked broker does not answer.
    pub fn discard(self) {
        let (connection, channel) = (Object::take(self.connection), self.channel);
        tokio::spawn(async move {
            close(connection).await;
            drop(channel);
        });
    }
}
