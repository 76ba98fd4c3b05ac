//! Which lanes a broker has.

use crate::broker::error::Result;
use crate::broker::topology::lanes::definitions::{LANES, LANES_MAX, name};
use crate::broker::topology::passive::{self, Existence, QueueState};
use lapin::Connection;

/// Whether requests are spread over lanes.
///
/// # Errors
/// When the broker is away.
pub(crate) async fn exist(connection: &Connection) -> Result<Existence> {
    passive::exchange(connection, LANES).await
}

/// How many queues of lanes there are: those that requests are spread over, and above them those that
/// were lanes before and may still hold jobs. None when this user has no right on them.
///
/// # Errors
/// When the broker is away.
pub(crate) async fn count(connection: &Connection) -> Result<Option<u16>> {
    for number in 1..=LANES_MAX {
        match passive::queue(connection, &name(number)).await? {
            QueueState::Present { .. } => {}
            QueueState::Missing => return Ok(Some(number - 1)),
            QueueState::Hidden => return Ok(None),
        }
    }
    Ok(Some(LANES_MAX))
}
