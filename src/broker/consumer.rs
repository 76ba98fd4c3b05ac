//! Taking requests, and settling them.

use super::topology::{REQUESTS, SPARE};
use super::{BrokerError, Result, close, in_time, own};
use futures_util::stream::{self, SelectAll, Stream, StreamExt as _};
use lapin::Acker;
use lapin::message::Delivery;
use lapin::options::{BasicAckOptions, BasicCancelOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{BasicProperties, Channel, Connection};
use secrecy::SecretString;
use std::collections::{BTreeMap, BTreeSet};
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

/// Deliveries of one consumer, and a none when it has ended.
type Deliveries = Pin<Box<dyn Stream<Item = Option<lapin::Result<Delivery>>> + Send + Sync>>;

/// A session begins with one delivery at a time. If that one ends the process, or the session, it is
/// charged with the attempt alone; whatever else had been sent ahead would be charged as well.
const FIRST_PREFETCH: u16 = 1;

/// A consumer of both request queues on a connection of its own.
pub struct Consumer {
    connection: Connection,
    channel: Channel,
    tags: Vec<ShortString>,
    deliveries: SelectAll<Deliveries>,
    /// Ends of consumers that are still to come before all is over: while running the first one is a
    /// fault; after cancelling, both are awaited.
    ends_left: usize,
    settler: Settler,
}

/// The deliveries of one channel that are not settled yet. Shared by those who take and those who settle.
#[derive(Clone, Default)]
pub struct Settler(Arc<Mutex<Open>>);

/// Tags of a channel are 1, 2, 3, … over all its consumers, whether their deliveries have been looked
/// at or still lie in a buffer.
#[derive(Default)]
struct Open {
    ackers: BTreeMap<u64, Acker>,
    /// All tags up to here are settled.
    settled_to: u64,
    /// Settled tags above that.
    settled: BTreeSet<u64>,
}

impl Consumer {
    /// Opens a connection, declares what is missing, and consumes one delivery at a time.
    ///
    /// # Errors
    /// When the broker is away, or a queue exists with other arguments.
    pub async fn connect(url: &SecretString, queue_bytes_max: u64) -> Result<Self> {
        let connection = super::connect(url, "redeemq worker: requests").await?;
        super::topology::declare(&connection, queue_bytes_max).await?;
        let opening = async { Ok(connection.create_channel().await?) };
        let channel = in_time("channel.open", opening).await?;
        let mut consumer = Self {
            connection,
            channel,
            tags: Vec::new(),
            deliveries: SelectAll::new(),
            ends_left: 1,
            settler: Settler::default(),
        };
        consumer.consume(FIRST_PREFETCH).await?;
        Ok(consumer)
    }

    /// Consumes both queues; a prefetch holds for the consumers that begin after it.
    async fn consume(&mut self, prefetch: u16) -> Result<()> {
        in_time("basic.consume", async {
            self.channel.basic_qos(prefetch, BasicQosOptions::default()).await?;
            for queue in [REQUESTS, SPARE] {
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

    /// Lets as many deliveries be sent ahead, now that the first has come through.
    ///
    /// # Errors
    /// When the broker is away.
    pub async fn widen(&mut self, prefetch: u16) -> Result<()> {
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

    /// Asks the broker for no more; what has arrived already can still be taken and settled.
    ///
    /// # Errors
    /// When the broker does not answer.
    pub async fn cancel(&mut self) -> Result<()> {
        self.ends_left = self.tags.len();
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
        self.open().ackers.insert(delivery_tag, acker);
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

    /// Acknowledges deliveries: those below which all is settled in one frame, the rest singly. (One
    /// frame for more would also settle what lies unread in a buffer.)
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

    /// Whether any delivery has come through.
    pub fn has_settled(&self) -> bool {
        self.open().settled_to > 0
    }

    fn split(&self, tags: &[u64]) -> (Option<(Acker, usize)>, Vec<Acker>) {
        let mut open = self.open();
        let mut ackers: BTreeMap<u64, Acker> = BTreeMap::new();
        for tag in tags {
            if let Some(acker) = open.ackers.remove(tag) {
                open.settled.insert(*tag);
                ackers.insert(*tag, acker);
            }
        }
        let settled_to = open.advance();
        let single = ackers.split_off(&(settled_to + 1)).into_values().collect();
        let count = ackers.len();
        (ackers.pop_last().map(|(_, last)| (last, count)), single)
    }

    fn open(&self) -> std::sync::MutexGuard<'_, Open> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    /// Moves the mark over what is settled without a gap.
    fn advance(&mut self) -> u64 {
        while self.settled.remove(&(self.settled_to + 1)) {
            self.settled_to += 1;
        }
        self.settled_to
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
