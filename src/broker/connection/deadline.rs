//! The time limit of every call to the broker.

use crate::broker::error::{BrokerError, Result};
use std::time::Duration;

/// Longest wait for a connection, or for the broker's answer to one call.
pub const BROKER_TIMEOUT: Duration = Duration::from_secs(5);

pub(in crate::broker) async fn in_time<T>(
    what: &'static str,
    call: impl Future<Output = Result<T>>,
) -> Result<T> {
    let timed_out = |_| Err(BrokerError::TimedOut(what));
    tokio::time::timeout(BROKER_TIMEOUT, call).await.unwrap_or_else(timed_out)
}
