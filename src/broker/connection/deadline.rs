//! The time limit of every call to the broker.

use crate::broker::error::{BrokerError, Result};
use lapin::Connection;
use std::time::Duration;

/// Longest wait for a connection, or for the broker's answer to one call.
pub const BROKER_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest wait for the broker's answer to a close. Whoever closes has nothing left to lose, and a process
/// shall be back within 2 s of the broker's return.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);
const LOST_CHECK: Duration = Duration::from_millis(50);

pub(in crate::broker) async fn in_time<T>(
    what: &'static str,
    call: impl Future<Output = Result<T>>,
) -> Result<T> {
    within(BROKER_TIMEOUT, what, call).await
}

/// A call on a connection; it ends with the connection as well. The client library answers no call that
/// it takes while the connection is being lost.
pub(in crate::broker) async fn answered<T>(
    connection: &Connection,
    what: &'static str,
    call: impl Future<Output = Result<T>>,
) -> Result<T> {
    tokio::select! {
        biased;
        answer = in_time(what, call) => answer,
        () = lost(connection) => Err(BrokerError::ConnectionLost(what)),
    }
}

/// The close of a connection.
pub(super) async fn closed(closing: impl Future<Output = Result<()>>) -> Result<()> {
    within(CLOSE_TIMEOUT, "close", closing).await
}

async fn within<T>(
    limit: Duration,
    what: &'static str,
    call: impl Future<Output = Result<T>>,
) -> Result<T> {
    let timed_out = |_| Err(BrokerError::TimedOut(what));
    tokio::time::timeout(limit, call).await.unwrap_or_else(timed_out)
}

async fn lost(connection: &Connection) {
    let status = connection.status();
    while !status.errored() && !status.closed() {
        tokio::time::sleep(LOST_CHECK).await;
    }
    // The call's own error says more, if it has one.
    tokio::time::sleep(LOST_CHECK).await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::pending;
    use tokio::time::Instant;

    #[tokio::test(start_paused = true)]
    async fn a_broker_that_does_not_answer_a_close_holds_nobody_up_for_longer_than_a_second() {
        let begun = Instant::now();
        let closing = closed(pending()).await;
        assert!(matches!(closing, Err(BrokerError::TimedOut("close"))));
        assert_eq!(begun.elapsed(), CLOSE_TIMEOUT);
    }
}
