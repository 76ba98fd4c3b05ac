//! Publishing with confirms, a window at a time.

use super::topology::DIRECT_REPLY_PREFIX;
use super::{BrokerError, Result, in_time, own};
use crate::crash::{self, Point};
use deadpool_lapin::{Object, Pool};
use lapin::Confirmation;
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::types::ShortString;
use lapin::{BasicProperties, Channel, ConnectionStatus, ErrorKind};
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::time::Instant;

/// How often a pending window looks whether the broker has blocked us meanwhile.
const BLOCKED_CHECK: Duration = Duration::from_millis(100);
/// How soon a broker that is there answers a question which touches no queue.
const ANSWER_MAX: Duration = Duration::from_millis(450);

/// The broker's reply code for what breaks one of its rules.
const PRECONDITION_FAILED: u16 = 406;

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
    /// The broker takes no message of this size: it was not even sent.
    TooLarge,
}

/// The largest body that the broker takes, which it does not tell: it ends the channel of whoever
/// exceeds it. So the first such end teaches it to all publishers that share this.
#[derive(Clone)]
pub struct Bound(Arc<AtomicUsize>);

impl Default for Bound {
    fn default() -> Self {
        Self(Arc::new(AtomicUsize::new(usize::MAX)))
    }
}

impl Bound {
    fn allows(&self, message: &Outgoing) -> bool {
        message.body.len() <= self.0.load(Ordering::Relaxed)
    }

    /// If one of the window was too large, the largest was.
    fn learn(&self, window: &[Outgoing], error: &BrokerError) {
        let BrokerError::Broker(error) = error else { return };
        let ErrorKind::ProtocolError(told) = error.kind() else { return };
        let is_of_size = told.get_id() == PRECONDITION_FAILED
            && told.get_message().as_str().contains("message size");
        let largest = window.iter().map(|message| message.body.len()).max();
        if let Some(largest) = largest.filter(|_| is_of_size) {
            self.0.fetch_min(largest.saturating_sub(1), Ordering::Relaxed);
            tracing::error!(bytes = largest, %error, "the broker takes no message of this size: raise its max_message_size");
        }
    }
}

/// Tells whether the broker has blocked a publisher.
#[derive(Clone)]
pub struct Pressure(ConnectionStatus);

impl Pressure {
    /// Memory or disk alarm: what is published waits for its end.
    pub fn is_blocked(&self) -> bool {
        self.0.blocked()
    }
}

/// One connection and one channel in confirm mode, for one task.
pub struct Publisher {
    connection: Object,
    channel: Channel,
    bound: Bound,
}

impl Publisher {
    /// Takes a connection out of the pool.
    ///
    /// # Errors
    /// When there is none to be had.
    pub async fn open(pool: &Pool, bound: Bound) -> Result<Self> {
        let connection = pool.get().await.map_err(|error| BrokerError::Pool(error.to_string()))?;
        let channel = in_time("channel.open", async {
            let channel = connection.create_channel().await?;
            channel.confirm_select(ConfirmSelectOptions::default()).await?;
            Ok(channel)
        })
        .await?;
        Ok(Self { connection, channel, bound })
    }

    /// For whoever feeds this publisher.
    pub fn pressure(&self) -> Pressure {
        Pressure(self.connection.status().clone())
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
        let asking = async {
            let channel = self.connection.create_channel().await?;
            Ok(channel.close(200, own("asked")).await?)
        };
        let silent = Err(BrokerError::TimedOut("channel.open"));
        tokio::time::timeout(ANSWER_MAX, asking).await.unwrap_or(silent)
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
        let publishing = async {
            let receipts = self.publish_all(window).await;
            receipts.inspect_err(|error| self.bound.learn(window, error))
        };
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
            if !self.bound.allows(message) {
                confirms.push(None);
                continue;
            }
            let options = BasicPublishOptions { mandatory: message.mandatory, immediate: false };
            let publishing = self.channel.basic_publish(
                own(message.exchange),
                message.routing_key.clone(),
                options,
                &message.body,
                message.properties.clone(),
            );
            confirms.push(Some(publishing.await?));
        }
        crash::point(Point::AfterPublish);
        let mut acked = Vec::with_capacity(window.len());
        let mut returned = HashSet::new();
        for confirm in confirms {
            let Some(confirm) = confirm else {
                acked.push(None);
                continue;
            };
            let confirmation = confirm.await?;
            acked.push(Some(confirmation.is_ack()));
            if let Confirmation::Ack(Some(message)) | Confirmation::Nack(Some(message)) =
                confirmation
            {
                let delivery = message.delivery;
                let id = delivery.properties.message_id().clone().unwrap_or_default();
                returned.insert((id, delivery.exchange, delivery.routing_key));
            }
        }
        let receipt = |(message, acked): (&Outgoing, Option<bool>)| match acked {
            None => Receipt::TooLarge,
            Some(false) => Receipt::Refused,
            Some(true) if returned.contains(&message.destination()) => Receipt::Returned,
            Some(true) => Receipt::Confirmed,
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
    /// Whether it goes to the broker's direct reply-to: see [`super::direct`].
    pub fn is_direct_reply(&self) -> bool {
        self.exchange.is_empty() && self.routing_key.as_str().starts_with(DIRECT_REPLY_PREFIX)
    }

    fn destination(&self) -> (ShortString, ShortString, ShortString) {
        let id = self.properties.message_id().clone().unwrap_or_default();
        (id, own(self.exchange), self.routing_key.clone())
    }
}
