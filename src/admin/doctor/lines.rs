//! Two connections to the broker: during an alarm it does not listen to who publishes.

use crate::broker::inspect::probe::{self, Right};
use crate::broker::{self, Connection, Result};
use secrecy::SecretString;

pub(super) struct Lines {
    pub(super) asking: Connection,
    publishing: Connection,
}

impl Lines {
    pub(super) async fn open(url: &SecretString) -> Result<Self> {
        let asking = broker::connect(url, "redeemq doctor: asking").await?;
        let publishing = broker::connect(url, "redeemq doctor: publishing").await?;
        Ok(Self { asking, publishing })
    }

    /// Whether our user has this right; none when an alarm keeps the broker from telling.
    pub(super) async fn may(&self, right: Right, name: &str) -> Result<Option<bool>> {
        match right {
            Right::Write => self.unless_blocked(probe::may(&self.publishing, right, name)).await,
            _ => probe::may(&self.asking, right, name).await.map(Some),
        }
    }

    /// Whether messages of this size are taken; none when an alarm keeps the broker from telling.
    pub(super) async fn takes_bytes(&self, bytes: usize) -> Result<Option<bool>> {
        self.unless_blocked(probe::takes_bytes(&self.publishing, bytes)).await
    }

    pub(super) fn is_blocked(&self) -> bool {
        self.publishing.status().blocked()
    }

    pub(super) fn user(&self) -> String {
        self.asking.status().username()
    }

    pub(super) fn vhost(&self) -> String {
        self.asking.status().vhost().to_string()
    }

    /// A blocked connection is closed in the background.
    pub(super) async fn close(self) {
        if self.is_blocked() {
            tokio::spawn(broker::close(self.publishing));
        } else {
            broker::close(self.publishing).await;
        }
        broker::close(self.asking).await;
    }

    async fn unless_blocked<T>(
        &self,
        asking: impl Future<Output = Result<T>>,
    ) -> Result<Option<T>> {
        if self.is_blocked() {
            return Ok(None);
        }
        tokio::select! {
            answer = asking => answer.map(Some),
            () = probe::until_blocked(&self.publishing) => Ok(None),
        }
    }
}
