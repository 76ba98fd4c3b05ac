//! The lanes that the broker has: by AMQP as far as it tells our user, else by the management API.

use crate::broker::inspect::management::Management;
use crate::broker::topology::lanes::{self, LANES, LANES_MAX};
use crate::broker::topology::passive::Existence;
use crate::broker::topology::{self, Queue};
use crate::broker::{Connection, Result};

/// Why something of the lanes is not known.
pub(super) const HIDDEN: &str =
    "this user has no right on them, and this broker tells nobody else: ask as the worker's user";

/// What is known of them; nothing is guessed, because advice that rests on a guess could lose jobs.
pub(super) struct KnownLanes {
    /// Whether requests are spread over lanes.
    pub(super) in_use: Option<bool>,
    /// How many queues of lanes there are.
    pub(super) count: Option<u16>,
}

impl KnownLanes {
    /// # Errors
    /// When the broker or its API is away.
    pub(super) async fn look(
        connection: &Connection,
        management: Option<&Management>,
    ) -> Result<Self> {
        let in_use = match (lanes::exist(connection).await?, management) {
            (Existence::Present, _) => Some(true),
            (Existence::Missing, _) => Some(false),
            (Existence::Hidden, Some(management)) => Some(management.has_exchange(LANES).await?),
            (Existence::Hidden, None) => None,
        };
        let count = match (lanes::count(connection).await?, management) {
            (None, Some(management)) => Some(count_by(management).await?),
            (count, _) => count,
        };
        Ok(Self { in_use, count })
    }

    /// The queues that should exist: those of every broker, and the lanes that are known.
    pub(super) fn queues(&self, bytes_max: u64) -> Vec<Queue> {
        let lanes = 1..=self.count.unwrap_or(0);
        let lanes = lanes.map(|number| lanes::queue(number, bytes_max));
        topology::queues(bytes_max).into_iter().chain(lanes).collect()
    }
}

async fn count_by(management: &Management) -> Result<u16> {
    for number in 1..=LANES_MAX {
        if management.queue(&lanes::name(number)).await?.is_none() {
            return Ok(number - 1);
        }
    }
    Ok(LANES_MAX)
}
