//! Taking requests.

use crate::broker::connection::{close, in_time};
use crate::broker::consume::received::Received;
use crate::broker::consume::settler::Settler;
use crate::broker::error::{BrokerError, Result};
use crate::broker::short_string::own;
use crate::broker::topology::lanes::{self, Source};
use crate::broker::topology::{self, passive::is_queue};
use futures_util::FutureExt as _;
use futures_util::stream::{self, SelectAll, Stream, StreamExt as _};
use lapin::message::Delivery;
use lapin::options::{BasicCancelOptions, BasicConsumeOptions, BasicGetOptions, BasicQosOptions};
use lapin::types::{FieldTable, ShortString};
use lapin::{Channel, Connection, Event};
use secrecy::SecretString;
use std::future::{pending, poll_fn, ready};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

/// Deliveries of one consumer, and a none when it has ended.
type Deliveries = Pin<Box<dyn Stream<Item = Option<lapin::Result<Delivery>>> + Send + Sync>>;

/// A consumer of one or two request queues on a connection of its own.
pub struct Consumer {
    connection: Connection,
    channel: Channel,
    queues: Vec<String>,
    tags: Vec<ShortString>,
    deliveries: SelectAll<Deliveries>,
    /// Ends of consumers that are still to come before all is over: while running the first one is a
    /// fault; after cancelling, all are awaited.
    ends_left: usize,
    settler: Settler,
}

impl Consumer {
    /// Opens a connection and, with a bound on the bytes of the queues that every broker has, declares
    /// what is missing of those; [`Consumer::consume`] begins.
    ///
    /// # Errors
    /// When the broker is away, a queue exists with other arguments, or a lane does not exist.
    pub async fn connect(url: &SecretString, source: Source, declare: Option<u64>) -> Result<Self> {
        let connection =
            crate::broker::connection::connect(url, "redeemq worker: requests").await?;
        match (source, declare) {
            (Source::Common, Some(queue_bytes_max)) => {
                topology::declare(&connection, queue_bytes_max).await?;
            }
            (Source::Common, None) => {}
            (Source::Lane(number), _) => {
                if !is_queue(&connection, &lanes::name(number)).await? {
                    close(connection).await;
                    return Err(BrokerError::NoLane(number));
                }
            }
        }
        let opening = async { Ok(connection.create_channel().await?) };
        let channel = in_time("channel.open", opening).await?;
        Ok(Self {
            connection,
            channel,
            queues: source.queues(),
            tags: Vec::new(),
            deliveries: SelectAll::new(),
            ends_left: 1,
            settler: Settler::default(),
        })
    }

    /// The queues that it takes from.
    pub fn queues(&self) -> &[String] {
        &self.queues
    }

    /// The oldest delivery of a queue and no other. Should it end the process, or the session, it is
    /// charged with the attempt alone; all that is sent ahead would be charged as well. (Of a lane this
    /// can't be asked.)
    ///
    /// # Errors
    /// When the broker is away, or what it sent can't be read.
    pub async fn first(&mut self, queue: &str) -> Result<Option<Received>> {
        // The client library leaves a get without an answer when its connection fails.
        let failed = failure(&self.connection);
        let getting = in_time("basic.get", async {
            Ok(self.channel.basic_get(own(queue), BasicGetOptions::default()).await?)
        });
        let got = tokio::select! {
            got = getting => got?,
            error = failed => return Err(error.into()),
        };
        Ok(got.map(|got| self.settler.receive(got.delivery)))
    }

    /// Begins to consume, with as many deliveries sent ahead of each queue.
    ///
    /// # Errors
    /// When the broker is away, or a queue is missing.
    pub async fn consume(&mut self, prefetch: u16) -> Result<()> {
        in_time("basic.consume", async {
            self.channel.basic_qos(prefetch, BasicQosOptions::default()).await?;
            for queue in &self.queues {
                let options = BasicConsumeOptions::default();
                let consuming =
                    self.channel.basic_consume(own(queue), own(""), options, FieldTable::default());
                let consumer = consuming.await?;
                self.tags.push(consumer.tag());
                self.deliveries.push(Box::pin(until_end(consumer)));
            }
            Ok(())
        })
        .await
    }

    /// The same with consumers of their own, which are sent as much ahead once more, whatever those
    /// before have not settled yet. They follow one another, so that what comes stays in order.
    ///
    /// # Errors
    /// When the broker is away, or a queue is missing.
    pub async fn consume_anew(&mut self, prefetch: u16) -> Result<()> {
        self.ends_left += self.tags.len();
        self.stop_consuming().await?;
        self.consume(prefetch).await
    }

    /// Whoever settles.
    pub fn settler(&self) -> Settler {
        self.settler.clone()
    }

    /// The next delivery that has arrived; pending while there is none.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Received>> {
        loop {
            return match self.deliveries.poll_next_unpin(cx) {
                Poll::Pending => Poll::Pending,
                Poll::Ready(Some(Some(Ok(delivery)))) => {
                    Poll::Ready(Ok(self.settler.receive(delivery)))
                }
                Poll::Ready(Some(Some(Err(error)))) => Poll::Ready(Err(error.into())),
                Poll::Ready(Some(None)) if self.ends_left > 1 => {
                    self.ends_left -= 1;
                    continue;
                }
                Poll::Ready(None | Some(None)) => Poll::Ready(Err(BrokerError::ConsumerEnded)),
            };
        }
    }

    /// The next delivery.
    ///
    /// # Errors
    /// When the consumer is done for.
    pub async fn next(&mut self) -> Result<Received> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    /// What has arrived and was not taken, whatever has become of the consumer.
    pub fn rest(&mut self) -> Vec<Received> {
        let arrived = std::iter::from_fn(|| self.deliveries.next().now_or_never().flatten());
        let deliveries: Vec<Delivery> = arrived.flatten().flatten().collect();
        deliveries.into_iter().map(|delivery| self.settler.receive(delivery)).collect()
    }

    /// Asks the broker for no more; what has arrived already can still be taken and settled.
    ///
    /// # Errors
    /// When the broker does not answer.
    pub async fn cancel(&mut self) -> Result<()> {
        self.ends_left = self.tags.len();
        self.stop_consuming().await
    }

    async fn stop_consuming(&mut self) -> Result<()> {
        in_time("basic.cancel", async {
            for tag in std::mem::take(&mut self.tags) {
                self.channel.basic_cancel(tag, BasicCancelOptions::default()).await?;
            }
            Ok(())
        })
        .await
    }

    /// Ends it, and waits until the broker has read all acks; what is not settled is delivered again.
    pub async fn close(self) {
        close(self.connection).await;
    }
}

/// The first error of a connection from here on.
async fn failure(connection: &Connection) -> lapin::Error {
    // (An async closure here makes rustc 1.95 fail at its own cache when it compiles again.)
    let error = |event| match event {
        Event::Error(error) => Some(error),
        _ => None,
    };
    let mut errors = pin!(connection.events_listener().filter_map(|event| ready(error(event))));
    match errors.next().await {
        Some(error) => error,
        None => pending().await,
    }
}

/// The stream of a cancelled consumer ends once and then hangs for ever, and a merged stream would
/// not tell that one of its two has ended.
fn until_end(consumer: lapin::Consumer) -> impl Stream<Item = Option<lapin::Result<Delivery>>> {
    consumer.map(Some).chain(stream::once(async { None }))
}
