//! Consuming requests.

use crate::broker::connection::{answered, close, connect};
use crate::broker::consume::deliveries::Deliveries;
use crate::broker::consume::received::Received;
use crate::broker::consume::settler::Settler;
use crate::broker::error::{BrokerError, Result};
use crate::broker::short_string::short_string;
use crate::broker::topology::lanes::{self, Source};
use crate::broker::topology::{self, passive, passive::QueueState};
use lapin::message::Delivery;
use lapin::options::{
    BasicCancelOptions, BasicConsumeOptions, BasicGetOptions, BasicNackOptions, BasicQosOptions,
};
use lapin::types::{FieldTable, ShortString};
use lapin::{Channel, Connection};
use secrecy::SecretString;
use std::future::poll_fn;
use std::task::{Context, Poll, ready};

/// A consumer of one or two request queues on a connection of its own.
pub struct Consumer {
    connection: Connection,
    channel: Channel,
    queues: Vec<String>,
    tags: Vec<ShortString>,
    deliveries: Deliveries<lapin::Result<Delivery>>,
    settler: Settler,
}

impl Consumer {
    /// Opens a connection. If `declare` gives the most bytes of a request queue, it declares what is
    /// missing of the topology first. [`Consumer::consume`] begins.
    ///
    /// # Errors
    /// When the broker is away, a queue exists with other arguments, or what it would take from does not exist.
    pub async fn connect(url: &SecretString, source: Source, declare: Option<u64>) -> Result<Self> {
        let name = match source {
            Source::Common | Source::Lane(_) => "redeemq worker: requests",
            Source::DeadLetters => "redeemq worker: dead letters",
        };
        let connection = connect(url, name).await?;
        match (source, declare) {
            (Source::Common | Source::DeadLetters, Some(queue_bytes_max)) => {
                topology::declare(&connection, queue_bytes_max).await?;
            }
            (Source::Common | Source::DeadLetters, None) => {}
            (Source::Lane(number), _) => {
                let lane = passive::queue(&connection, &lanes::name(number)).await?;
                if lane == QueueState::Missing {
                    close(connection).await;
                    return Err(BrokerError::NoLane(number));
                }
            }
        }
        let opening = async { Ok(connection.create_channel().await?) };
        let channel = answered(&connection, "channel.open", opening).await?;
        Ok(Self {
            connection,
            channel,
            queues: source.queues(),
            tags: Vec::new(),
            deliveries: Deliveries::default(),
            settler: Settler::default(),
        })
    }

    /// The names of the queues that it takes from.
    pub fn queues(&self) -> &[String] {
        &self.queues
    }

    /// The oldest delivery of a queue and no other. If it ends the process or the session, only its own
    /// delivery count rises; with a prefetch, those of all unsettled deliveries would. (A lane sends to
    /// its consumer only, and refuses this.)
    ///
    /// # Errors
    /// When the broker is away, or what it sent can't be read.
    pub async fn first(&mut self, queue: &str) -> Result<Option<Received>> {
        let got = answered(&self.connection, "basic.get", async {
            Ok(self.channel.basic_get(short_string(queue), BasicGetOptions::default()).await?)
        })
        .await?;
        Ok(got.map(|got| self.settler.receive(got.delivery)))
    }

    /// Begins to consume: of each queue, up to `prefetch` deliveries may be unsettled.
    ///
    /// # Errors
    /// When the broker is away, or a queue is missing.
    pub async fn consume(&mut self, prefetch: u16) -> Result<()> {
        answered(&self.connection, "basic.consume", async {
            self.channel.basic_qos(prefetch, BasicQosOptions::default()).await?;
            for queue in &self.queues {
                let options = BasicConsumeOptions::default();
                let consuming = self.channel.basic_consume(
                    short_string(queue),
                    short_string(""),
                    options,
                    FieldTable::default(),
                );
                let consumer = consuming.await?;
                self.tags.push(consumer.tag());
                self.deliveries.add(consumer);
            }
            Ok(())
        })
        .await
    }

    /// Replaces the consumers by new ones, each with a prefetch of its own: what the old ones have not
    /// settled no longer counts. They follow one another, so that what comes stays in order.
    ///
    /// # Errors
    /// When the broker is away, or a queue is missing.
    pub async fn consume_anew(&mut self, prefetch: u16) -> Result<()> {
        self.cancel().await?;
        self.consume(prefetch).await
    }

    /// What settles its deliveries.
    pub fn settler(&self) -> Settler {
        self.settler.clone()
    }

    /// The next delivery that has arrived; pending while there is none.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Received>> {
        Poll::Ready(match ready!(self.deliveries.poll_next(cx)) {
            Some(delivery) => Ok(self.settler.receive(delivery?)),
            None => Err(BrokerError::ConsumerEnded),
        })
    }

    /// The next delivery.
    ///
    /// # Errors
    /// When a consumer has failed or ended.
    pub async fn next(&mut self) -> Result<Received> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    /// Asks the broker for no more; what has arrived can still be taken and settled.
    ///
    /// # Errors
    /// When the broker does not answer.
    pub async fn cancel(&mut self) -> Result<()> {
        self.deliveries.expect_ends(self.tags.len());
        answered(&self.connection, "basic.cancel", async {
            for tag in std::mem::take(&mut self.tags) {
                self.channel.basic_cancel(tag, BasicCancelOptions::default()).await?;
            }
            Ok(())
        })
        .await
    }

    /// Asks for no more, and gives back all that is not settled. From RabbitMQ 4.3 on this counts as no
    /// delivery; before, it counts as the end of the connection does.
    ///
    /// # Errors
    /// When the broker is away: it then takes all back by itself, and counts it.
    pub async fn give_back(&mut self) -> Result<()> {
        self.cancel().await?;
        let all = BasicNackOptions { multiple: true, requeue: true };
        answered(&self.connection, "basic.nack", async {
            Ok(self.channel.basic_nack(0, all).await?)
        })
        .await
    }

    /// Closes the connection, once the broker has read all acks; what is not settled is delivered again.
    pub async fn close(self) {
        close(self.connection).await;
    }
}
