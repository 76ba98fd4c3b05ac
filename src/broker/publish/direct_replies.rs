//! Replies over the broker's direct reply-to, apart from everything that must arrive.
//!
//! Such an address is the name of one of the broker's own processes, as text. RabbitMQ 3.10 reads it
//! without a check: over a forged one it fails, and ends the whole connection of the publisher.
//! So these have a connection that nothing else depends on.

use crate::broker::connection::Pool;
use crate::broker::error::Result;
use crate::broker::publish::message::{ConfirmStatus, MaxMessageSize, Outgoing};
use crate::broker::publish::publisher::Publisher;

/// The publisher of direct replies; it connects when there is one to send.
pub struct DirectReplies {
    pool: Pool,
    max_message_size: MaxMessageSize,
    publisher: Option<Publisher>,
}

impl DirectReplies {
    /// With connections out of this pool.
    pub fn new(pool: Pool, max_message_size: MaxMessageSize) -> Self {
        Self { pool, max_message_size, publisher: None }
    }

    /// One try for each. A forged address may take the others of its window along: they count as
    /// returned, and a caller who waits for one can still fetch the decision.
    pub async fn send(&mut self, replies: &[Outgoing]) -> Vec<ConfirmStatus> {
        if replies.is_empty() {
            return Vec::new();
        }
        match self.publish(replies).await {
            Ok(statuses) => statuses,
            Err(error) => {
                tracing::warn!(%error, "direct replies were not taken: one may be forged");
                if let Some(publisher) = self.publisher.take() {
                    publisher.discard();
                }
                vec![ConfirmStatus::Returned; replies.len()]
            }
        }
    }

    async fn publish(&mut self, replies: &[Outgoing]) -> Result<Vec<ConfirmStatus>> {
        let publisher = match self.publisher.take().filter(Publisher::is_usable) {
            Some(publisher) => publisher,
            None => Publisher::open(&self.pool, self.max_message_size.clone()).await?,
        };
        self.publisher.insert(publisher).publish(replies, false).await
    }
}
