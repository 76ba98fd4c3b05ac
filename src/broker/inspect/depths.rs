//! Messages and consumers of all queues, again and again on one connection: by passive declarations.

use crate::broker::connection::{close, connect};
use crate::broker::error::Result;
use crate::broker::topology::lanes::{self, Source};
use crate::broker::topology::passive::{self, QueueState};
use crate::broker::topology::{DEAD, REQUESTS, UNROUTED};
use lapin::Connection;
use secrecy::SecretString;
use std::time::Duration;
use tokio::time::Instant;

/// How often the queues are looked for again. To count the lanes, one is asked for that does not exist,
/// and queues that are hidden from this user are asked for once: each costs a line in the broker's log.
const FIND_EVERY: Duration = Duration::from_secs(600);

/// One queue at one time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Depth {
    /// The queue's name.
    pub(crate) queue: String,
    /// Messages that are ready, and consumers; none when there is no such queue.
    pub(crate) counts: Option<(u32, u32)>,
}

/// Reads the depths of all our queues.
pub(crate) struct Depths {
    connection: Connection,
    queues: Vec<String>,
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
            self.queues = names(lanes::count(&self.connection).await?.unwrap_or(0));
            self.found_at = Some(Instant::now());
        }
        let mut depths = Vec::with_capacity(self.queues.len());
        for queue in std::mem::take(&mut self.queues) {
            let counts = match passive::queue(&self.connection, &queue).await? {
                QueueState::Present { messages, consumers } => Some((messages, consumers)),
                QueueState::Missing => None,
                QueueState::Hidden => continue,
            };
            self.queues.push(queue.clone());
            depths.push(Depth { queue, counts });
        }
        Ok(depths)
    }

    pub(crate) async fn close(self) {
        close(self.connection).await;
    }
}

fn names(lanes: u16) -> Vec<String> {
    let common = [REQUESTS, UNROUTED, DEAD].map(str::to_owned);
    let lanes = (1..=lanes).flat_map(|number| Source::Lane(number).queues());
    common.into_iter().chain(lanes).collect()
}
