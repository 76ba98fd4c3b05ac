//! A lane's side of its result publisher: results go in, and three signals come back.

use crate::broker::publish::publisher::BlockedStatus;
use crate::broker::{BrokerError, Result};
use crate::worker::publish::pending_result::PendingResult;
use crate::worker::publish::result_publisher::ResultPublisher;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;

/// How often a lane looks whether the broker takes results again.
const BLOCKED_CHECK: Duration = Duration::from_millis(100);

/// A running result publisher.
pub(super) struct Publishing {
    results: mpsc::Sender<Vec<PendingResult>>,
    window_done: Arc<Notify>,
    blocked: BlockedStatus,
    task: JoinHandle<Result<()>>,
}

impl Publishing {
    /// Runs a publisher until [`Publishing::finish`], or until the broker fails.
    pub(super) fn start(publisher: ResultPublisher) -> Self {
        let (results, receiver) = mpsc::channel(1);
        let window_done = Arc::new(Notify::new());
        let blocked = publisher.blocked_status();
        let task = tokio::spawn(publisher.publish(receiver, Arc::clone(&window_done)));
        Self { results, window_done, blocked, task }
    }

    /// Room for the results of one more batch, once the publisher has taken those of the batch before
    /// last. For ever after the publisher has ended: see [`Publishing::ended`].
    pub(super) async fn room(&self) -> mpsc::Permit<'_, Vec<PendingResult>> {
        match self.results.reserve().await {
            Ok(room) => room,
            Err(_ended) => pending().await,
        }
    }

    /// The results of a batch, to be published and confirmed; then their deliveries are acknowledged.
    pub(super) async fn send(&self, results: Vec<PendingResult>) {
        if !results.is_empty() && self.results.send(results).await.is_err() {
            tracing::debug!("result publisher ended; its error ends the session");
        }
    }

    /// Waits until the results that were sent last were published. What the broker has not confirmed by
    /// then is retried beside the following ones.
    pub(super) async fn window_done(&self) {
        self.window_done.notified().await;
    }

    /// Waits for the end of the publisher; its error ends the session.
    pub(super) async fn ended(&self) {
        self.results.closed().await;
    }

    /// Whether the broker blocks publishers, for a memory or disk alarm.
    pub(super) fn is_blocked(&self) -> bool {
        self.blocked.is_blocked()
    }

    /// Waits until the broker blocks publishers, or until it does no more.
    pub(super) async fn until_blocked(&self, is_blocked: bool) {
        while self.is_blocked() != is_blocked {
            tokio::time::sleep(BLOCKED_CHECK).await;
        }
    }

    /// Lets the publisher finish what it was sent.
    ///
    /// # Errors
    /// Its own, or that it panicked or took too long.
    pub(super) async fn finish(self, within: Duration) -> Result<()> {
        drop(self.results);
        match tokio::time::timeout(within, self.task).await {
            Ok(Ok(published)) => published,
            Ok(Err(_panic)) => Err(BrokerError::Panicked("the publisher of results")),
            Err(_late) => Err(BrokerError::TimedOut("the last results")),
        }
    }
}
