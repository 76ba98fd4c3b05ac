//! The way back: one reply queue an ingress, and whoever waits for a result, by job id.
//!
//! The queue lives as long as its connection. A result that misses it is still in the ledger, so a
//! waiter whose queue is gone asks there.

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
struct Desk {
    /// The queue of the present connection.
    queue: Option<String>,
    /// Several requests may wait for one job.
    waiting: HashMap<String, Vec<oneshot::Sender<Body>>>,
}

/// Where results are waited for.
#[derive(Clone, Default)]
pub struct Replies(Arc<Mutex<Desk>>);

/// A place in the queue of one who waits; given up when dropped.
pub struct Ticket {
    /// Where the result shall go.
    pub reply_to: String,
    result: oneshot::Receiver<Body>,
    job_id: String,
    desk: Replies,
}

impl Ticket {
    /// The result, or none when the reply queue was lost.
    pub async fn result(&mut self) -> Option<Body> {
        (&mut self.result).await.ok()
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.result.close();
        self.desk.leave(&self.job_id);
    }
}

impl Replies {
    /// Begins to listen.
    pub fn open(
        url: &SecretString,
        tasks: &mut JoinSet<Option<()>>,
        stop: &CancellationToken,
    ) -> Self {
        let replies = Self::default();
        let listening = replies.clone().listen(url.clone());
        tasks.spawn(stop.clone().run_until_cancelled_owned(listening));
        replies
    }

    /// Registers to wait for a job; none while there is no reply queue.
    pub fn wait_for(&self, job_id: &str) -> Option<Ticket> {
        let mut open = self.desk();
        let reply_to = open.queue.clone()?;
        let (sender, result) = oneshot::channel();
        open.waiting.entry(job_id.to_owned()).or_default().push(sender);
        let (job_id, desk) = (job_id.to_owned(), self.clone());
        Some(Ticket { reply_to, result, job_id, desk })
    }

    fn leave(&self, job_id: &str) {
        let mut desk = self.desk();
        if let Some(waiting) = desk.waiting.get_mut(job_id) {
            waiting.retain(|sender| !sender.is_closed());
            if waiting.is_empty() {
                desk.waiting.remove(job_id);
            }
        }
    }

    async fn listen(self, url: SecretString) {
        let mut pauses = Pauses::new();
        loop {
            match ReplyQueue::open(&url).await {
                Ok(mut queue) => {
                    pauses.reset();
                    self.desk().queue = Some(queue.name().to_owned());
                    let error = loop {
                        match queue.next().await {
                            Ok((job_id, body)) => self.hand_out(&job_id, body.into()),
                            Err(error) => break error,
                        }
                    };
                    tracing::warn!(%error, "the reply queue is lost: who waits asks the ledger");
                    *self.desk() = Desk::default();
                    queue.close().await;
                }
                Err(error) => tracing::debug!(%error, "no reply queue yet"),
            }
            tokio::time::sleep(pauses.draw()).await;
        }
    }

    fn hand_out(&self, job_id: &str, body: Body) {
        let waiting = self.desk().waiting.remove(job_id).unwrap_or_default();
        for sender in waiting {
            let _ = sender.send(Arc::clone(&body));
        }
    }

    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
