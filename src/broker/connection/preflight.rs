//! Finding out whether the broker greets, before the client library connects.
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

/// How long a knock stays alone before another is tried beside it: whoever waits for the broker shall
/// be back within 2 s of its return.
const KNOCK_EVERY: Duration = Duration::from_secs(1);
/// Waits for the first greeting.
///
/// # Errors
/// When the broker refuses, or nothing is heard for as long as we wait for any answer.
pub(in crate::broker) async fn preflight(address: &AMQPUri) -> Result<ServerProperties> {
    in_time("preflight", async {
        let mut knocks = FuturesUnordered::new();
        let mut again = tokio::time::interval(KNOCK_EVERY);
        loop {
            tokio::select! {
                _ = again.tick() => knocks.push(greet(address)),
                Some(greeted) = knocks.next() => return Ok(greeted?),
            }
        }
    })
    .await
}

/// Asks a broker who it is, by the same way that connections take.
///
/// # Errors
/// When the URL can't be read, or the broker is away or none.
pub async fn server_properties(url: &SecretString) -> Result<ServerProperties> {
    preflight(&read(url)?).await
}
