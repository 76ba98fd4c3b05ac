//! Which lanes a broker has.

use crate::broker::error::Result;
use crate::broker::topology::definitions::{self, Queue};
use crate::broker::topology::lanes::definitions::{LANES, LANES_MAX, name, queue};
use crate::broker::topology::passive::{is_exchange, is_queue};
use lapin::Connection;

/// Whether requests are spread over lanes.
///
/// # Errors
/// When the broker is away.
pub async fn are_there(connection: &Connection) -> Result<bool> {
    is_exchange(connection, LANES).await
}

/// How many queues of lanes there are: those that requests are spread over, and above them those that
/// were lanes before and may still hold jobs.
///
/// # Errors
/// When the broker is away.
pub async fn count(connection: &Connection) -> Result<u16> {
    let mut count = 0;
    while count < LANES_MAX && is_queue(connection, &name(count + 1)).await? {
        count += 1;
    }
    Ok(count)
}

/// The queues that should exist: those of every broker, and the lanes that this one has.
///
/// # Errors
/// When the broker is away.
pub async fn wanted_queues(connection: &Connection, bytes_max: u64) -> Result<Vec<Queue>> {
    let lanes = (1..=count(connection).await?).map(|number| queue(number, bytes_max));
    Ok(definitions::queues(bytes_max).into_iter().chain(lanes).collect())
}
