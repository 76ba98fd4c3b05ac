//! Finding out whether the broker greets, before the client library connects.
//!
//! A connection that was lost without a word, or that a dying load balancer accepted, may stay silent
//! for ever while a new one would come through. And the library can't give up a handshake: each would
//! leave a thread and its buffers behind.

use super::{Result, in_time};
use futures_util::io::{AsyncReadExt as _, AsyncWriteExt as _};
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use lapin::tcp::{AMQPUriTcpExt as _, TLSConfig};
use lapin::uri::AMQPUri;
use std::time::Duration;

/// How long a knock stays alone before another is tried beside it: whoever waits for the broker shall
/// be back within 2 s of its return.
const KNOCK_EVERY: Duration = Duration::from_secs(1);
/// With this a client opens the conversation; the broker answers with its own greeting.
const HEADER: &[u8] = b"AMQP\x00\x00\x09\x01";

/// Waits for the first sign of life.
///
/// # Errors
/// When the broker refuses, or nothing is heard for as long as we wait for any answer.
pub(super) async fn knock(address: &AMQPUri) -> Result<()> {
    in_time("knock", async {
        let mut knocks = FuturesUnordered::new();
        let mut again = tokio::time::interval(KNOCK_EVERY);
        loop {
            tokio::select! {
                _ = again.tick() => knocks.push(greeting(address)),
                Some(greeted) = knocks.next() => return Ok(greeted?),
            }
        }
    })
    .await
}

async fn greeting(address: &AMQPUri) -> Result<(), std::io::Error> {
    let runtime = lapin::runtime::default_runtime().map_err(std::io::Error::other)?;
    let mut line = address.connect_with_config_async(TLSConfig::default(), &runtime).await?;
    line.write_all(HEADER).await?;
    line.flush().await?;
    line.read_exact(&mut [0]).await
}
