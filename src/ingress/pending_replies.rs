//! Waits for results, by job id. One reply queue an ingress, which lives as long as its connection.
//!
//! A result that misses the queue is in the ledger, so a waiter whose queue is lost polls there.

use crate::broker::consume::reply_queue::ReplyQueue;
use crate::retry::Pauses;
use secrecy::SecretString;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

type Body = Arc<str>;

#[derive(Default)]
struct Waiters {
    /// The queue of the present connection.
    queue: Option<String>,
    /// Several requests may wait for one job.
    by_job: HashMap<String, Vec<oneshot::Sender<Body>>>,
}

/// The requests that wait for a result.
#[derive(Clone, Default)]
pub(crate) struct PendingReplies(Arc<Mutex<Waiters>>);

/// One request that waits. Dropping it ends the wait.
pub(super) struct ReplyWaiter {
    pub(super) reply_to: String,
    result: oneshot::Receiver<Body>,
    job_id: String,
    pending: PendingReplies,
}

impl ReplyWaiter {
    /// The result, or none when the reply queue was lost.
    pub(super) async fn result(&mut self) -> Option<Body> {
        (&mut self.result).await.ok()
    }
}

impl Drop for ReplyWaiter {
    fn drop(&mut self) {
        self.result.close();
        self.pending.forget(&self.job_id);
    }
}

impl PendingReplies {
    /// Begins to consume the reply queue.
    pub(super) fn open(
        url: &SecretString,
        tasks: &mut JoinSet<Option<()>>,
        stop: &CancellationToken,
    ) -> Self {
        let pending = Self::default();
        let consuming = pending.clone().consume(url.clone());
        tasks.spawn(stop.clone().run_until_cancelled_owned(consuming));
        pending
    }

    /// Registers a waiter; none while there is no reply queue.
    pub(super) fn wait_for(&self, job_id: &str) -> Option<ReplyWaiter> {
        let mut waiters = self.lock();
        let reply_to = waiters.queue.clone()?;
        let (sender, result) = oneshot::channel();
        waiters.by_job.entry(job_id.to_owned()).or_default().push(sender);
        let (job_id, pending) = (job_id.to_owned(), self.clone());
        Some(ReplyWaiter { reply_to, result, job_id, pending })
    }

    fn forget(&self, job_id: &str) {
        let mut waiters = self.lock();
        if let Some(senders) = waiters.by_job.get_mut(job_id) {
            senders.retain(|sender| !sender.is_closed());
            if senders.is_empty() {
                waiters.by_job.remove(job_id);
            }
        }
    }

    async fn consume(self, url: SecretString) {
        let mut pauses = Pauses::new();
        loop {
            match ReplyQueue::open(&url).await {
                Ok(mut queue) => {
                    pauses.reset();
                    self.opened(queue.name());
                    let error = loop {
                        match queue.next().await {
                            Ok((job_id, body)) => self.deliver(&job_id, body.into()),
                            Err(error) => break error,
                        }
                    };
                    tracing::warn!(%error, "reply queue lost; waiters poll the ledger");
                    self.lost();
                    queue.close().await;
                }
                Err(error) => tracing::debug!(%error, "can't open a reply queue yet"),
            }
            tokio::time::sleep(pauses.draw()).await;
        }
    }

    fn opened(&self, queue: &str) {
        self.lock().queue = Some(queue.to_owned());
    }

    /// Ends all waits without a result.
    fn lost(&self) {
        *self.lock() = Waiters::default();
    }

    fn deliver(&self, job_id: &str, body: Body) {
        let waiting = self.lock().by_job.remove(job_id).unwrap_or_default();
        for sender in waiting {
            let _ = sender.send(Arc::clone(&body));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiters> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open() -> PendingReplies {
        let pending = PendingReplies::default();
        pending.opened("redeem.reply.1");
        pending
    }

    #[tokio::test]
    async fn every_waiter_of_a_job_gets_its_result_and_no_other() {
        let pending = open();
        let [mut one, mut two] = [(); 2].map(|()| pending.wait_for("a").expect("a queue"));
        let mut other = pending.wait_for("b").expect("a queue");
        assert_eq!(one.reply_to, "redeem.reply.1");
        pending.deliver("a", "decided".into());
        assert_eq!(one.result().await.as_deref(), Some("decided"));
        assert_eq!(two.result().await.as_deref(), Some("decided"));
        pending.deliver("b", "as well".into());
        assert_eq!(other.result().await.as_deref(), Some("as well"));
        assert!(pending.lock().by_job.is_empty());
    }

    #[tokio::test]
    async fn a_waiter_that_goes_is_forgotten_and_the_others_stay() {
        let pending = open();
        let [one, mut two] = [(); 2].map(|()| pending.wait_for("a").expect("a queue"));
        drop(one);
        assert_eq!(pending.lock().by_job["a"].len(), 1);
        pending.deliver("a", "decided".into());
        assert_eq!(two.result().await.as_deref(), Some("decided"));
        drop(pending.wait_for("b"));
        assert!(pending.lock().by_job.is_empty());
    }

    #[tokio::test]
    async fn a_lost_queue_ends_all_waits_and_takes_no_more() {
        let pending = open();
        let mut waiter = pending.wait_for("a").expect("a queue");
        pending.lost();
        assert_eq!(waiter.result().await, None);
        assert!(pending.wait_for("a").is_none());
        pending.opened("redeem.reply.2");
        assert!(pending.wait_for("a").is_some());
    }
}
