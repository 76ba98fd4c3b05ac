//! The preflight: whether the broker greets, before the client library connects.
//!
//! A connection that was lost without a word, or that a dying load balancer accepted, may stay silent
//! for ever while a new one would come through. And the library can't give up a handshake: each would
//! leave a thread and its buffers behind.

use crate::broker::connection::deadline::in_time;
use crate::broker::connection::server_properties::{ServerProperties, greet};
use crate::broker::connection::uri::read;
use crate::broker::error::Result;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use lapin::uri::AMQPUri;
use secrecy::SecretString;
use std::time::Duration;

/// How long one attempt waits alone before another is begun beside it: a process shall be back within
/// 2 s of the broker's return.
const ATTEMPT_EVERY: Duration = Duration::from_secs(1);

/// Waits for the first greeting.
///
/// # Errors
/// When the broker refuses, or none of the attempts is answered in time.
pub(super) async fn preflight(address: &AMQPUri) -> Result<ServerProperties> {
    in_time("preflight", async {
        let mut attempts = FuturesUnordered::new();
        let mut next = tokio::time::interval(ATTEMPT_EVERY);
        loop {
            tokio::select! {
                _ = next.tick() => attempts.push(greet(address)),
                Some(greeted) = attempts.next() => return Ok(greeted?),
            }
        }
    })
    .await
}

/// The broker's product and version, by a preflight alone.
///
/// # Errors
/// When the URL can't be read, the broker is away, or what answers is no broker.
pub(crate) async fn server_properties(url: &SecretString) -> Result<ServerProperties> {
    preflight(&read(url)?).await
}
