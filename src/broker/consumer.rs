//! Taking requests, and settling them.

use super::topology::{REQUESTS, SPARE};
use super::{BrokerError, Result, close, in_time, own};
use futures_util::stream::{self, Stream, StreamExt as _};
use lapin::Acker;
use lapin::message::Delivery;
use lapin::options::{BasicAckOptions, BasicCancelOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{BasicProperties, Channel, Connection};
use secrecy::SecretString;
use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

/// One delivery, as much as anyone above this layer needs of it.
#[derive(Debug)]
pub struct Received {
    /// Number on its channel, by which it is settled.
    pub tag: u64,
    /// Body.
    pub body: Vec<u8>,
    /// Properties and headers.
    pub properties: BasicProperties,
    /// How often it was delivered before.
    pub attempts: i64,
    /// Put here by the broker's own limit: ours is over as well.
    pub is_overdue: bool,
}

/// Deliveries of both queues; a none for each queue whose consumer ended.
type Deliveries = Pin<Box<dyn Stream<Item = Option<lapin::Result<Delivery>>> + Send + Sync>>;

/// A consumer of both request queues on a connection of its own.
pub struct Consumer {
    connection: Connection,
    channel: Channel,
    tags: [ShortString; 2],
    deliveries: Deliveries,
    settler: Settler,
}

/// The deliveries of one channel that are not settled yet. Shared by those who take and those who settle.
#[derive(Clone, Default)]
pub struct Settler(Arc<Mutex<BTreeMap<u64, Acker>>>);

impl Consumer {
    /// Begins to consume.
    ///
    /// # Errors
    /// When the broker is away, or the queues are missing.
    pub async fn open(connection: Connection, prefetch: u16) -> Result<Self> {
        let opened = in_time("basic.consume", async {
            let channel = connection.create_channel().await?;
            channel.basic_qos(prefetch, BasicQosOptions::default()).await?;
            let consume = |queue: &'static str| {
                let options = BasicConsumeOptions::default();
                channel.basic_consume(own(queue), own(""), options, FieldTable::default())
            };
            let (requests, spare) = (consume(REQUESTS).await?, consume(SPARE).await?);
            Ok((channel, requests, spare))
        });
        let (channel, requests, spare) = opened.await?;
        Ok(Self {
            tags: [requests.tag(), spare.tag()],
            deliveries: Box::pin(stream::select(until_end(requests), until_end(spare))),
            connection,
            channel,
            settler: Settler::default(),
        })
    }

    /// Opens a connection and consumes.
    ///
    /// # Errors
    /// As [`Consumer::open`].
    pub async fn connect(url: &SecretString, prefetch: u16, queue_bytes_max: u64) -> Result<Self> {
        let connection = super::connect(url, "redeemq worker: requests").await?;
        super::topology::declare(&connection, queue_bytes_max).await?;
        Self::open(connection, prefetch).await
    }

    /// Whoever settles.
    pub fn settler(&self) -> Settler {
        self.settler.clone()
    }

    /// The next delivery that has arrived; pending while there is none.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Received>> {
        match self.deliveries.as_mut().poll_next(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(None | Some(None)) => Poll::Ready(Err(BrokerError::ConsumerEnded)),
            Poll::Ready(Some(Some(Err(error)))) => Poll::Ready(Err(error.into())),
            Poll::Ready(Some(Some(Ok(delivery)))) => {
                Poll::Ready(Ok(self.settler.receive(delivery)))
            }
        }
    }

    /// Asks the broker for no more; what has arrived already can still be taken and settled.
    ///
    /// # Errors
    /// When the broker does not answer.
    pub async fn cancel(&self) -> Result<()> {
        in_time("basic.cancel", async {
            for tag in &self.tags {
                self.channel.basic_cancel(tag.clone(), BasicCancelOptions::default()).await?;
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

/// The stream of a cancelled consumer ends once and then hangs for ever, and a merged stream would
/// not tell that one of its two has ended.
fn until_end(consumer: lapin::Consumer) -> impl Stream<Item = Option<lapin::Result<Delivery>>> {
    consumer.map(Some).chain(stream::once(async { None }))
}

impl Settler {
    fn receive(&self, delivery: Delivery) -> Received {
        let Delivery { delivery_tag, properties, data, acker, redelivered, .. } = delivery;
        self.open().insert(delivery_tag, acker);
        let headers = properties.headers().as_ref();
        let counted = headers.and_then(|headers| headers.inner().get("x-delivery-count"));
        Received {
            tag: delivery_tag,
            body: data,
            attempts: counted.and_then(whole).unwrap_or(i64::from(redelivered)),
            is_overdue: headers.is_some_and(is_over_broker_limit),
            properties,
        }
    }

    /// Acknowledges deliveries: those without an older one still open in one frame, the rest singly.
    /// An ack that can't be sent is no fault: the message is delivered again and answered from the
    /// ledger. Returns how many of them were.
    pub async fn ack(&self, tags: &[u64]) -> usize {
        let (cumulative, single) = self.split(tags);
        let mut lost = 0;
        if let Some((acker, count)) = cumulative {
            lost += if acknowledge(&acker, true).await { 0 } else { count };
        }
        for acker in single {
            lost += usize::from(!acknowledge(&acker, false).await);
        }
        lost
    }

    fn split(&self, tags: &[u64]) -> (Option<(Acker, usize)>, Vec<Acker>) {
        let mut open = self.open();
        let mut tags = tags.to_vec();
        tags.sort_unstable();
        let together = open.keys().zip(&tags).take_while(|(open, tag)| open == tag).count();
        let mut ackers: Vec<Acker> = tags.iter().filter_map(|tag| open.remove(tag)).collect();
        let single = ackers.split_off(together.min(ackers.len()));
        (ackers.pop().map(|last| (last, together)), single)
    }

    fn open(&self) -> std::sync::MutexGuard<'_, BTreeMap<u64, Acker>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn acknowledge(acker: &Acker, multiple: bool) -> bool {
    let acking = async { Ok(acker.ack(BasicAckOptions { multiple }).await?) };
    matches!(in_time("basic.ack", acking).await, Ok(true))
}

fn whole(value: &AMQPValue) -> Option<i64> {
    match value {
        AMQPValue::ShortShortInt(n) => Some((*n).into()),
        AMQPValue::ShortShortUInt(n) => Some((*n).into()),
        AMQPValue::ShortInt(n) => Some((*n).into()),
        AMQPValue::ShortUInt(n) => Some((*n).into()),
        AMQPValue::LongInt(n) => Some((*n).into()),
        AMQPValue::LongUInt(n) => Some((*n).into()),
        AMQPValue::LongLongInt(n) => Some(*n),
        _ => None,
    }
}

fn is_over_broker_limit(headers: &FieldTable) -> bool {
    let Some(AMQPValue::FieldArray(deaths)) = headers.inner().get("x-death") else { return false };
    let by_limit = |death: &AMQPValue| match death {
        AMQPValue::FieldTable(death) => match death.inner().get("reason") {
            Some(AMQPValue::LongString(reason)) => reason.as_bytes() == b"delivery_limit",
            _ => false,
        },
        _ => false,
    };
    deaths.as_slice().iter().any(by_limit)
}
