//! What every broker must have before anything is published or consumed.

use crate::broker::error::{BrokerError, Result};
use crate::broker::topology::declaration::{bind, ensure_exchange, ensure_queue};
use crate::broker::topology::definitions::{EXCHANGES, REQUESTS, UNROUTED, queues};
use crate::broker::topology::lanes::{self, LANES};
use crate::broker::topology::passive::{self, Existence, QueueState};
use lapin::protocol::{AMQPErrorKind, AMQPSoftError};
use lapin::{Connection, ErrorKind};

/// Declares what is missing; fails where something exists with other arguments. A user without the
/// right to declare, as an ingress should be, only checks that there is something to publish to.
///
/// # Errors
/// Names what could not be declared, or does not exist.
pub async fn declare(connection: &Connection, queue_bytes_max: u64) -> Result<()> {
    for (i, exchange) in EXCHANGES.iter().enumerate() {
        match ensure_exchange(connection, exchange).await {
            Err(BrokerError::Topology { error, .. }) if i == 0 && is_refused(&error) => {
                return check_requests(connection).await;
            }
            declared => declared?,
        }
    }
    // Bound beside lanes, the queue would get each request a second time.
    let are_lanes = match lanes::exist(connection).await? {
        Existence::Present => true,
        Existence::Missing => false,
        Existence::Hidden => return Err(BrokerError::Hidden(LANES.to_owned())),
    };
    for queue in &queues(queue_bytes_max) {
        ensure_queue(connection, queue).await?;
        if !(are_lanes && queue.name == REQUESTS) {
            bind(connection, queue).await?;
        }
    }
    Ok(())
}

/// What is hidden may exist: publishing tells.
async fn check_requests(connection: &Connection) -> Result<()> {
    for name in [REQUESTS, UNROUTED] {
        if passive::exchange(connection, name).await? == Existence::Missing
            || passive::queue(connection, name).await? == QueueState::Missing
        {
            return Err(BrokerError::Absent(name));
        }
    }
    Ok(())
}

fn is_refused(error: &lapin::Error) -> bool {
    matches!(error.kind(), ErrorKind::ProtocolError(error)
        if *error.kind() == AMQPErrorKind::Soft(AMQPSoftError::ACCESSREFUSED))
}
