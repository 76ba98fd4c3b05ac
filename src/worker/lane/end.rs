//! A session ends: what it has decided is published, and what it has not tried is left to others.

use crate::broker::{BrokerError, Result};
use crate::worker::lane::state::Lane;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

/// How long a stopping lane works off what it was sent, before it leaves the rest to others.
const DRAIN_MAX: Duration = Duration::from_secs(4);

impl Lane {
    /// Works off what has arrived. The deadline is checked between batches and never within one: what is
    /// decided must be published.
    pub(super) async fn drain(&mut self, stop: &CancellationToken) -> Result<()> {
        self.consumer.cancel().await?;
        let deadline = Instant::now() + DRAIN_MAX;
        while Instant::now() < deadline {
            match timeout_at(deadline, self.gatherer.gather(&mut self.consumer)).await {
                Ok(Ok(batch)) => self.process(batch, stop).await?,
                Ok(Err(BrokerError::ConsumerEnded)) | Err(_) => break,
                Ok(Err(error)) => return Err(error),
            }
        }
        while let Ok(done) = timeout_at(deadline, self.parked.outcome(&self.context, stop)).await
            && !done.is_empty()
        {
            self.hand_on(done, Vec::new()).await;
        }
        Ok(())
    }

    /// Lets the publisher finish, gives back what was not tried, and ends the session. What a fault has
    /// ended gives nothing back: one of its deliveries may be the fault, and has to be counted.
    pub(super) async fn finish(mut self, taken: Result<()>) -> Result<()> {
        let published = self.publishing.finish(DRAIN_MAX).await;
        if taken.is_ok()
            && let Err(error) = self.consumer.give_back().await
        {
            tracing::debug!(%error, "could not give deliveries back; the broker takes them back");
        }
        // Acks are on their way to the broker until it has answered the close.
        self.consumer.close().await;
        taken.and(published)
    }
}
