//! Looking through the dead queue without losing anything from it: one looker at a time, and
//! whatever he does not take out goes back when he leaves.

use crate::broker::connection::in_time;
use crate::broker::error::{BrokerError, Result};
use crate::broker::publish::outbound::{ATTEMPTS, DEAD_AT, REASON};
use crate::broker::short_string::own;
use crate::broker::topology::DEAD;
use futures_util::StreamExt as _;
use lapin::BasicProperties;
use lapin::message::Delivery;
use lapin::options::{
    BasicAckOptions, BasicCancelOptions, BasicConsumeOptions, BasicNackOptions,
    QueueDeclareOptions, QueueDeleteOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, Connection, Consumer};
use sha2::{Digest as _, Sha256};
use std::time::Duration;

const TAG: &str = "redeemq-dead";
/// Held by the connection that looks: quorum queues know no exclusive consumers.
const LOOKER: &str = "redeem.dead.looker";
/// How often a leaving looker looks whether all that he puts back lies there again.
const PUT_BACK_CHECK: Duration = Duration::from_millis(10);

/// The dead queue, opened by one looker.
pub struct DeadQueue {
    channel: Channel,
    letters: Consumer,
    /// Letters not yet looked at.
    left: u32,
    /// Letters not taken out.
    kept: u32,
}

/// One dead letter.
#[derive(derive_more::Debug)]
pub struct DeadLetter {
    /// Its message id; for a message without one, a hash of its body.
    pub id: String,
    /// Why it is dead.
    pub reason: String,
    /// Since when, in RFC 3339; empty when the broker itself put it here.
    pub dead_at: String,
    /// How often it was delivered.
    pub attempts: i64,
    /// As it came.
    #[debug("***")]
    pub body: Vec<u8>,
    /// Properties, with the headers of its death.
    pub properties: BasicProperties,
    #[debug("***")]
    delivery: Delivery,
}

impl DeadQueue {
    /// Opens it.
    ///
    /// # Errors
    /// When the broker is away, the queue is missing, or another looker is at it.
    pub async fn open(connection: &Connection) -> Result<Self> {
        in_time("dead queue", async {
            let channel = connection.create_channel().await?;
            let exclusive =
                QueueDeclareOptions { exclusive: true, ..QueueDeclareOptions::default() };
            channel.queue_declare(own(LOOKER), exclusive, FieldTable::default()).await?;
            let left = ready(&channel).await?;
            let options = BasicConsumeOptions::default();
            let consuming =
                channel.basic_consume(own(DEAD), own(TAG), options, FieldTable::default());
            let letters = consuming.await?;
            Ok(Self { channel, letters, left, kept: left })
        })
        .await
    }

    /// How many letters have not been looked at.
    pub fn left(&self) -> u32 {
        self.left
    }

    /// The next letter; none after the last of those that lay here when it was opened.
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

    /// Takes a letter out for good.
    ///
    /// # Errors
    /// When the broker did not hear it: it then still lies there.
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

    /// Puts back what was not taken out, and waits until it lies there: the broker does it at its
    /// leisure, and the next looker would find a part of it.
    ///
    /// # Errors
    /// When the broker goes away; it then does the same.
    pub async fn close(self) -> Result<()> {
        in_time("closing the dead queue", async {
            self.channel.basic_cancel(own(TAG), BasicCancelOptions::default()).await?;
            let all = BasicNackOptions { multiple: true, requeue: true };
            self.channel.basic_nack(0, all).await?;
            while ready(&self.channel).await? < self.kept {
                tokio::time::sleep(PUT_BACK_CHECK).await;
            }
            self.channel.queue_delete(own(LOOKER), QueueDeleteOptions::default()).await?;
            Ok(self.channel.close(200, own("looked")).await?)
        })
        .await
    }
}

/// How many letters lie there.
async fn ready(channel: &Channel) -> Result<u32> {
    let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
    let declared = channel.queue_declare(own(DEAD), passive, FieldTable::default()).await?;
    Ok(declared.message_count())
}

impl DeadLetter {
    fn read(delivery: Delivery) -> Self {
        let properties = delivery.properties.clone();
        let text = |name: &str| match header(&properties, name) {
            Some(AMQPValue::LongString(text)) => text.to_string(),
            _ => String::new(),
        };
        let reason = match text(REASON) {
            reason if reason.is_empty() => "put here by the broker's own delivery limit".to_owned(),
            reason => reason,
        };
        let attempts = match header(&properties, ATTEMPTS) {
            Some(AMQPValue::LongLongInt(attempts)) => *attempts,
            _ => 0,
        };
        let id = properties.message_id().as_ref().map(ToString::to_string);
        Self {
            id: id.filter(|id| !id.is_empty()).unwrap_or_else(|| hashed(&delivery.data)),
            dead_at: text(DEAD_AT),
            reason,
            attempts,
            body: delivery.data.clone(),
            properties,
            delivery,
        }
    }

    /// Its properties as before its death, for another try.
    pub fn properties_alive(&self) -> BasicProperties {
        let mut headers = FieldTable::default();
        for (name, value) in self.properties.headers().iter().flat_map(FieldTable::inner) {
            let of_death = [REASON, DEAD_AT, ATTEMPTS, "x-death", "x-delivery-count"];
            let first_death = name.as_str().starts_with("x-first-death-");
            if !of_death.contains(&name.as_str()) && !first_death {
                headers.insert(name.clone(), value.clone());
            }
        }
        self.properties.clone().with_headers(headers)
    }
}

fn header<'a>(properties: &'a BasicProperties, name: &str) -> Option<&'a AMQPValue> {
    properties.headers().as_ref().and_then(|headers| headers.inner().get(name))
}

fn hashed(body: &[u8]) -> String {
    Sha256::digest(body).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}
