//! Messages and consumers of all queues, again and again on one connection: by passive declarations.

use crate::broker::connection::{close, connect};
use crate::broker::error::Result;
use crate::broker::inspect::probe;
use crate::broker::topology::lanes::{self, Source};
use crate::broker::topology::{DEAD, REQUESTS, UNROUTED};
use lapin::Connection;
use secrecy::SecretString;
use std::time::Duration;
use tokio::time::Instant;

/// How often the lanes are counted again. Each count asks for a lane that does not exist, which costs a
/// line in the broker's log.
const COUNT_EVERY: Duration = Duration::from_secs(600);

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
    counted_at: Option<Instant>,
}

impl Depths {
    /// Opens a connection of this name.
    ///
    /// # Errors
    /// When the broker is away.
    pub(crate) async fn open(url: &SecretString, name: &str) -> Result<Self> {
        let connection = connect(url, name).await?;
        Ok(Self { connection, queues: Vec::new(), counted_at: None })
    }

    /// Reads them once.
    ///
    /// # Errors
    /// When the broker is away: then open anew.
    pub(crate) async fn read(&mut self) -> Result<Vec<Depth>> {
        if self.counted_at.is_none_or(|at| at.elapsed() > COUNT_EVERY) {
            self.queues = names(lanes::count(&self.connection).await?);
            self.counted_at = Some(Instant::now());
        }
        let mut depths = Vec::with_capacity(self.queues.len());
        for queue in &self.queues {
            let counts = probe::depth(&self.connection, queue).await?;
            depths.push(Depth { queue: queue.clone(), counts });
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
