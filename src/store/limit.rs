//! How long the database may take.

use super::{Result, StoreError};
use std::time::Duration;

/// The longest that the server gives one statement. All that depends on it is derived here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StatementLimit(Duration);

impl StatementLimit {
    pub const fn of(limit: Duration) -> Self {
        Self(limit)
    }

    /// What a session asks for when it begins.
    pub(super) fn statement(self) -> String {
        shown(self.0)
    }

    /// Less than a statement has, or it would never be the lock that is named as the cause.
    pub(super) fn lock(self) -> String {
        shown(self.0 * 2 / 5)
    }

    /// Longest wait for the answer to one statement, or for a whole batch, which takes a tenth of a
    /// second: a connection that was lost without a word (a failover, a forgetful firewall) would be
    /// waited on for ever.
    pub fn answer(self) -> Duration {
        2 * self.0
    }

    /// Bounds one statement outside of a transaction; or a transaction on a connection that is closed
    /// when its time is over.
    ///
    /// # Errors
    /// [`StoreError::Silent`], or as the statement has it.
    pub async fn in_time<T>(self, statement: impl Future<Output = Result<T>>) -> Result<T> {
        tokio::time::timeout(self.answer(), statement).await.unwrap_or(Err(StoreError::Silent))
    }
}

impl Default for StatementLimit {
    fn default() -> Self {
        Self::of(Duration::from_secs(5))
    }
}

/// As Postgres shows it, so that what a session got can be compared with what it asked for.
fn shown(limit: Duration) -> String {
    match limit.as_millis() {
        ms if ms % 60_000 == 0 => format!("{}min", ms / 60_000),
        ms if ms % 1_000 == 0 => format!("{}s", ms / 1_000),
        ms => format!("{ms}ms"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::pending;
    use tokio::time::Instant;

    #[test]
    fn a_lock_gives_up_before_the_statement_that_waits_for_it() {
        for (seconds, statement, lock) in [(1, "1s", "400ms"), (5, "5s", "2s"), (60, "1min", "24s")]
        {
            let limit = StatementLimit::of(Duration::from_secs(seconds));
            assert_eq!((limit.statement().as_str(), limit.lock().as_str()), (statement, lock));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_is_waited_for_twice_as_long_as_the_server_may_take() {
        let begun = Instant::now();
        let answer: Result<()> = StatementLimit::default().in_time(pending()).await;
        assert!(matches!(answer, Err(StoreError::Silent)));
        assert_eq!(begun.elapsed(), Duration::from_secs(10));
    }
}
