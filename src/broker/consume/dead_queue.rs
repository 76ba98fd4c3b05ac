//! Reading the dead queue without losing anything from it: under an exclusive lock, and what is not
//! removed goes back in the end.

use crate::broker::connection::{answered, in_time};
use crate::broker::consume::dead_letter::DeadLetter;
use crate::broker::error::{BrokerError, Result};
use crate::broker::short_string::short_string;
use crate::broker::topology::DEAD;
use futures_util::StreamExt as _;
use lapin::options::{
    BasicAckOptions, BasicCancelOptions, BasicConsumeOptions, BasicNackOptions,
    QueueDeclareOptions, QueueDeleteOptions,
};
use lapin::types::FieldTable;
use lapin::{Channel, Connection, Consumer};
use std::time::Duration;

const CONSUMER_TAG: &str = "redeemq-dead";
/// An exclusive queue serves as the lock, for quorum queues know no exclusive consumers.
const LOCK: &str = "redeem.dead.looker";
/// How often to check whether all that was put back is in the queue again.
const REQUEUED_CHECK: Duration = Duration::from_millis(10);

/// The dead queue, open and locked.
pub struct DeadQueue {
    channel: Channel,
    letters: Consumer,
    /// Dead letters not read yet.
    left: u32,
    /// Dead letters not removed.
    kept: u32,
}

impl DeadQueue {
    /// Locks and opens it.
    ///
    /// # Errors
    /// When the broker is away, the queue is missing, or another connection holds the lock.
    pub async fn open(connection: &Connection) -> Result<Self> {
        answered(connection, "dead queue", async {
            let channel = connection.create_channel().await?;
            let exclusive =
                QueueDeclareOptions { exclusive: true, ..QueueDeclareOptions::default() };
            channel.queue_declare(short_string(LOCK), exclusive, FieldTable::default()).await?;
            let left = ready(&channel).await?;
            let options = BasicConsumeOptions::default();
            let (queue, tag) = (short_string(DEAD), short_string(CONSUMER_TAG));
            let letters = channel.basic_consume(queue, tag, options, FieldTable::default()).await?;
            Ok(Self { channel, letters, left, kept: left })
        })
        .await
    }

    /// How many dead letters are left to read.
    pub fn left(&self) -> u32 {
        self.left
    }

    /// The next one; none after the last of those that were here when it was opened.
    ///
    /// # Errors
    /// When the broker goes away.
    pub async fn next(&mut self) -> Result<Option<DeadLetter>> {
        if self.left == 0 {
            return Ok(None);
        }
        let next = in_time("a dead letter", async {
            let delivery = self.letters.next().await.ok_or(BrokerError::ConsumerEnded)?;
            Ok(DeadLetter::read(delivery?))
        });
        self.left -= 1;
        next.await.map(Some)
    }

    /// Removes a dead letter for good.
    ///
    /// # Errors
    /// When the ack was not sent: it is still in the queue then.
    pub async fn take_out(&mut self, letter: &DeadLetter) -> Result<()> {
        let acked = in_time("basic.ack", async {
            Ok(letter.delivery.acker.ack(BasicAckOptions::default()).await?)
        });
        if !acked.await? {
            return Err(BrokerError::TimedOut("basic.ack"));
        }
        self.kept = self.kept.saturating_sub(1);
        Ok(())
    }

    /// Puts back what was not removed, waits until it is in the queue again, and unlocks: the broker
    /// takes its time, and the next reader would find only some of it.
    ///
    /// # Errors
    /// When the broker goes away; it then does the same.
    pub async fn close(self) -> Result<()> {
        in_time("closing the dead queue", async {
            self.channel
                .basic_cancel(short_string(CONSUMER_TAG), BasicCancelOptions::default())
                .await?;
            let all = BasicNackOptions { multiple: true, requeue: true };
            self.channel.basic_nack(0, all).await?;
            while ready(&self.channel).await? < self.kept {
                tokio::time::sleep(REQUEUED_CHECK).await;
            }
            self.channel.queue_delete(short_string(LOCK), QueueDeleteOptions::default()).await?;
            Ok(self.channel.close(200, short_string("done")).await?)
        })
        .await
    }
}

/// How many dead letters are ready to be delivered.
async fn ready(channel: &Channel) -> Result<u32> {
    let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
    let declared =
        channel.queue_declare(short_string(DEAD), passive, FieldTable::default()).await?;
    Ok(declared.message_count())
}
