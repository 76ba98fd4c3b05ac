//! The time limit of every call to the broker.

use crate::broker::error::{BrokerError, Result};
use std::time::Duration;

/// Longest wait for a connection or an answer of the broker.
pub const BROKER_TIMEOUT: Duration = Duration::from_secs(5);

/// Runs a call to the broker under the time limit.
pub async fn in_time<T>(what: &'static str, call: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::time::timeout(BROKER_TIMEOUT, call).await.unwrap_or(Err(BrokerError::TimedOut(what)))
}
