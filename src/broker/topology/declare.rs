//! What every broker must have before anything is published or consumed.

use crate::broker::error::{BrokerError, Result};
use crate::broker::topology::declaration::{bind, ensure_exchange, ensure_queue};
use crate::broker::topology::definitions::{EXCHANGES, REQUESTS, UNROUTED, queues};
use crate::broker::topology::lanes;
use crate::broker::topology::passive::{is_exchange, is_queue};
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
    let are_lanes = lanes::are_there(connection).await?;
    for queue in &queues(queue_bytes_max) {
        ensure_queue(connection, queue).await?;
        // Bound beside lanes, it would get each request a second time.
        if !(are_lanes && queue.name == REQUESTS) {
            bind(connection, queue).await?;
        }
    }
    Ok(())
}

async fn check_requests(connection: &Connection) -> Result<()> {
    for name in [REQUESTS, UNROUTED] {
        if !is_exchange(connection, name).await? || !is_queue(connection, name).await? {
            return Err(BrokerError::Absent(name));
        }
    }
    Ok(())
}

fn is_refused(error: &lapin::Error) -> bool {
    matches!(error.kind(), ErrorKind::ProtocolError(error)
        if *error.kind() == AMQPErrorKind::Soft(AMQPSoftError::ACCESSREFUSED))
}
