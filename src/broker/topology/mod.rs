//! Exchanges and queues, with every argument written out: a default that changes between broker
//! versions would be a promise that changes.
//!
//! ```text
//! redeem.requests (topic) ──#──▶ queue redeem.requests ─┐ over the broker's own delivery limit
//!    └ nothing bound: alternate                         ▼
//!      redeem.requests.spare (fanout) ──▶ queue redeem.requests.spare ──▶ redeem.dead
//! redeem.results (topic) ──▶ whatever the callers bind
//! redeem.dead (fanout) ──▶ queue redeem.dead
//! ```
//! With more than one lane, [`lanes`] stand in the place of the queue redeem.requests.
//! Workers consume all request queues by the same rules. What is wanted is data: whoever declares it,
//! and whoever compares it with what is there, read the same.

mod declare;
mod definitions;
pub mod lanes;
pub mod passive;

use crate::broker::error::{BrokerError, Result};
use declare::{bind, set_up};
use lapin::protocol::{AMQPErrorKind, AMQPSoftError};
use lapin::{Connection, ErrorKind};
use passive::{is_exchange, is_queue};

pub(in crate::broker) use declare::{declare_exchange, declare_queue, on_a_channel};
pub use definitions::*;

/// Declares what is missing; fails where something exists with other arguments. A user without the
/// right to declare, as an ingress should be, only looks whether there is somewhere to publish.
///
/// # Errors
/// Names what could not be declared, or is not there.
pub async fn declare(connection: &Connection, queue_bytes_max: u64) -> Result<()> {
    for (place, exchange) in EXCHANGES.iter().enumerate() {
        let declaring = on_a_channel(connection, "exchange.declare", async move |channel| {
            let declared = declare_exchange(&channel, exchange).await;
            declared.map_err(|error| BrokerError::Topology { what: exchange.name.into(), error })
        });
        match declaring.await {
            Err(BrokerError::Topology { error, .. })
                if place == 0 && is(&error, AMQPSoftError::ACCESSREFUSED) =>
            {
                return look(connection).await;
            }
            declared => declared?,
        }
    }
    let in_lanes = lanes::are_there(connection).await?;
    for queue in &queues(queue_bytes_max) {
        set_up(connection, queue).await?;
        // With lanes, it would get each request a second time.
        if !(in_lanes && queue.name == REQUESTS) {
            bind(connection, queue).await?;
        }
    }
    Ok(())
}

async fn look(connection: &Connection) -> Result<()> {
    for name in [REQUESTS, SPARE] {
        if !is_exchange(connection, name).await? || !is_queue(connection, name).await? {
            return Err(BrokerError::Absent(name));
        }
    }
    Ok(())
}

fn is(error: &lapin::Error, soft: AMQPSoftError) -> bool {
    matches!(error.kind(), ErrorKind::ProtocolError(error) if *error.kind() == AMQPErrorKind::Soft(soft))
}
