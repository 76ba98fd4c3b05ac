//! How a session ends: what it has decided is published, and what it has not tried is noted.

use crate::broker::{BrokerError, Result};
use crate::worker::lane::Lane;
use crate::worker::redelivery::unprocessed;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

/// How long a stopping lane works off what it has been sent, before it leaves the rest to others.
const DRAIN_MAX: Duration = Duration::from_secs(4);

impl Lane {
    /// Works off what has arrived. The time is looked at between batches and never within one: what
    /// is decided must be published.
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
        while let Ok(done) = timeout_at(deadline, self.waiting.outcome(&self.context, stop)).await
            && !done.is_empty()
        {
            self.hand_on(done, Vec::new()).await;
        }
        Ok(())
    }

    /// Lets the publisher finish, and ends the session.
    pub(super) async fn finish(
        mut self,
        taken: Result<()>,
        stop: &CancellationToken,
    ) -> Result<()> {
        drop(self.sender);
        let published = match tokio::time::timeout(DRAIN_MAX, self.publishing).await {
            Ok(Ok(published)) => published,
            Ok(Err(_panic)) => Err(BrokerError::Panicked("the publisher of results")),
            Err(_late) => Err(BrokerError::TimedOut("the last results")),
        };
        // Before they can be delivered to somebody else, where the connection still stands.
        let mut rest = self.gatherer.rest(&mut self.consumer);
        rest.extend(self.given_up);
        rest.extend(self.suspects.into_over_limit());
        rest.extend(self.waiting.into_deliveries());
        unprocessed::note(&self.context, &rest, stop).await;
        // Acks are on their way to the broker until it has answered the close.
        self.consumer.close().await;
        taken.and(published)
    }
}
