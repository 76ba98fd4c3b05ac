//! Finding out whether the broker greets, before the client library connects.
//!
//! A connection that was lost without a word, or that a dying load balancer accepted, may stay silent
//! for ever while a new one would come through. And the library can't give up a handshake: each would
//! leave a thread and its buffers behind.

use super::greeting::{Greeting, greet};
use super::{Result, in_time};
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use lapin::uri::AMQPUri;
use std::time::Duration;

/// How long a knock stays alone before another is tried beside it: whoever waits for the broker shall
/// be back within 2 s of its return.
const KNOCK_EVERY: Duration = Duration::from_secs(1);
/// Waits for the first greeting.
///
/// # Errors
/// When the broker refuses, or nothing is heard for as long as we wait for any answer.
pub(super) async fn knock(address: &AMQPUri) -> Result<Greeting> {
    in_time("knock", async {
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
