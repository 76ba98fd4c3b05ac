//! How full the queues are, and who takes from them, again and again on a connection of its own: by
//! passive declarations, which need no right.

use crate::broker::error::Result;
use crate::broker::inspect::probe;
use crate::broker::topology::lanes::{self, Source};
use crate::broker::topology::{DEAD, REQUESTS, SPARE};
use lapin::Connection;
use secrecy::SecretString;
use std::time::Duration;
use tokio::time::Instant;

/// How often the lanes are counted again. The look at the one that is not there costs a line in the
/// broker's log.
const COUNT_EVERY: Duration = Duration::from_secs(600);

/// A queue at one look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Depth {
    /// Its name.
    pub queue: String,
    /// How many messages wait, and how many consumers there are; none when the queue is not there.
    pub told: Option<(u32, u32)>,
}

/// Looks at all queues of ours.
pub struct Depths {
    connection: Connection,
    queues: Vec<String>,
    counted_at: Option<Instant>,
}

impl Depths {
    /// On a connection of this name.
    ///
    /// # Errors
    /// When the broker is away.
    pub async fn open(url: &SecretString, name: &str) -> Result<Self> {
        let connection = crate::broker::connection::connect(url, name).await?;
        Ok(Self { connection, queues: Vec::new(), counted_at: None })
    }

    /// One look.
    ///
    /// # Errors
    /// When the broker is away: then open anew.
    pub async fn look(&mut self) -> Result<Vec<Depth>> {
        if self.counted_at.is_none_or(|at| at.elapsed() > COUNT_EVERY) {
            self.queues = names(lanes::count(&self.connection).await?);
            self.counted_at = Some(Instant::now());
        }
        let mut depths = Vec::with_capacity(self.queues.len());
        for queue in &self.queues {
            let told = probe::depth(&self.connection, queue).await?;
            depths.push(Depth { queue: queue.clone(), told });
        }
        Ok(depths)
    }

    /// Ends the connection.
    pub async fn close(self) {
        crate::broker::connection::close(self.connection).await;
    }
}

fn names(lanes: u16) -> Vec<String> {
    let common = [REQUESTS, SPARE, DEAD].map(str::to_owned);
    let lanes = (1..=lanes).flat_map(|number| Source::Lane(number).queues());
    common.into_iter().chain(lanes).collect()
}
