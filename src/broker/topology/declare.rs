//! What every broker must have before anything is published or consumed.

use crate::broker::error::{BrokerError, Result};
use crate::broker::topology::declaration::{bind, ensure_exchange, ensure_queue, unbind};
use crate::broker::topology::definitions::{DEAD, EXCHANGES, REQUESTS, UNROUTED, queues};
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
    let are_lanes = match lanes::exist(connection).await? {
        Existence::Present => true,
        Existence::Missing => false,
        Existence::Hidden => return Err(BrokerError::Hidden(LANES.to_owned())),
    };
    for queue in &queues(queue_bytes_max) {
        ensure_queue(connection, queue).await?;
        match queue.is_to_be_bound(are_lanes) {
            true => bind(connection, queue).await?,
            false if queue.name == DEAD => unbind(connection, queue).await?,
            // `lay_out` unbinds it, in its turn.
            false => {}
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
