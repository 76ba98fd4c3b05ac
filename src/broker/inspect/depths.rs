//! Messages and consumers of all queues, again and again on one connection: by passive declarations.

use crate::broker::connection::{close, connect};
use crate::broker::error::Result;
use crate::broker::topology::lanes::{self, Source};
use crate::broker::topology::passive::{self, QueueState};
use crate::broker::topology::{QUEUE_BYTES_MAX, queues};
use crate::retry::Pauses;
use lapin::Connection;
use secrecy::SecretString;
use std::time::Duration;
use tokio::time::Instant;

/// How often the queues are looked for again. To count the lanes, one is asked for that does not exist,
/// and queues that are hidden from this user are asked for once: each costs a line in the broker's log.
const FIND_EVERY: Duration = Duration::from_secs(600);
/// Longest time until a queue that did not exist is asked for again, which costs such a line as well.
const MISSING_MAX: Duration = Duration::from_secs(30);

/// One queue at one time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Depth {
    /// The queue's name.
    pub(crate) queue: String,
    /// Messages that are ready, and consumers; none when there is no such queue.
    pub(crate) counts: Option<(u32, u32)>,
}

/// A queue, and when it is asked for again.
struct Watched {
    queue: String,
    pauses: Pauses,
    missing_until: Option<Instant>,
}

/// Reads the depths of all our queues.
pub(crate) struct Depths {
    connection: Connection,
    queues: Vec<Watched>,
    found_at: Option<Instant>,
}

impl Depths {
    /// Opens a connection of this name.
    ///
    /// # Errors
    /// When the broker is away.
    pub(crate) async fn open(url: &SecretString, name: &str) -> Result<Self> {
        let connection = connect(url, name).await?;
        Ok(Self { connection, queues: Vec::new(), found_at: None })
    }

    /// Reads those that are not hidden from this user.
    ///
    /// # Errors
    /// When the broker is away: then open anew.
    pub(crate) async fn read(&mut self) -> Result<Vec<Depth>> {
        if self.found_at.is_none_or(|at| at.elapsed() > FIND_EVERY) {
            let lanes = lanes::count(&self.connection).await?.unwrap_or(0);
            self.queues = names(lanes).into_iter().map(Watched::new).collect();
            self.found_at = Some(Instant::now());
        }
        let mut depths = Vec::with_capacity(self.queues.len());
        for mut watched in std::mem::take(&mut self.queues) {
            let is_missing = watched.missing_until.is_some_and(|until| Instant::now() < until);
            let counts = match is_missing {
                true => None,
                false => match passive::queue(&self.connection, &watched.queue).await? {
                    QueueState::Present { messages, consumers } => {
                        watched.is_there();
                        Some((messages, consumers))
                    }
                    QueueState::Missing => {
                        watched.is_missing();
                        None
                    }
                    QueueState::Hidden => continue,
                },
            };
            depths.push(Depth { queue: watched.queue.clone(), counts });
            self.queues.push(watched);
        }
        Ok(depths)
    }

    pub(crate) async fn close(self) {
        close(self.connection).await;
    }
}

impl Watched {
    fn new(queue: String) -> Self {
        Self { queue, pauses: Pauses::up_to(MISSING_MAX), missing_until: None }
    }

    fn is_there(&mut self) {
        self.pauses.reset();
        self.missing_until = None;
    }

    fn is_missing(&mut self) {
        self.missing_until = Some(Instant::now() + self.pauses.draw());
    }
}

fn names(lanes: u16) -> Vec<String> {
    let common = queues(QUEUE_BYTES_MAX).into_iter().rev().map(|queue| queue.name.into_owned());
    let lanes = (1..=lanes).flat_map(|number| Source::Lane(number).queues());
    common.chain(lanes).collect()
}
