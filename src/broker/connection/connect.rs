//! Opening connections, one by one or out of a pool, and closing them.

use crate::broker::connection::deadline::{BROKER_TIMEOUT, closed, in_time};
use crate::broker::connection::preflight::preflight;
use crate::broker::connection::uri::{read, with_defaults};
use crate::broker::error::{BrokerError, Result};
use crate::broker::short_string::short_string;
use crate::gauges::{Gauges, pooled};
use deadpool_lapin::{Pool, PoolConfig, Runtime, Timeouts};
use lapin::{Connection, ConnectionProperties};
use secrecy::{ExposeSecret, SecretString};
use std::borrow::Borrow;

fn properties(name: &str) -> ConnectionProperties {
    ConnectionProperties::default().with_connection_name(name.into())
}

/// Opens one connection, after a preflight; `name` is what the broker's tools show.
///
/// # Errors
/// When the URL can't be read, or the broker is away or refuses.
pub async fn connect(url: &SecretString, name: &str) -> Result<Connection> {
    let uri = read(url)?;
    preflight(&uri).await?;
    in_time("connect", async { Ok(Connection::connect_uri(uri, properties(name)).await?) }).await
}

/// A pool of connections that publish. Each is used by one task at a time.
///
/// # Errors
/// When the URL can't be read.
pub fn pool(url: &SecretString, name: &'static str, size: usize) -> Result<Pool> {
    let mut pool = PoolConfig::new(size);
    pool.timeouts = Timeouts {
        wait: Some(BROKER_TIMEOUT),
        create: Some(BROKER_TIMEOUT),
        recycle: Some(BROKER_TIMEOUT),
    };
    read(url)?;
    let url = Some(with_defaults(url.expose_secret()));
    let config = deadpool_lapin::Config { url, pool: Some(pool) };
    config
        .create_pool(move || properties(name), Runtime::Tokio1)
        .map_err(|error| BrokerError::Pool(error.to_string()))
}

/// Adds gauges of how many connections of a pool are in use.
pub(crate) fn measure(gauges: &Gauges, name: &'static str, pool: Pool) {
    gauges.add(move || {
        let status = pool.status();
        let idle = status.available.min(status.size);
        pooled(name, (status.size - idle) as f64, idle as f64, status.max_size as f64);
    });
}

/// Closes a connection, within a second: the broker may not answer.
pub async fn close(connection: impl Borrow<Connection>) {
    let closing = async { Ok(connection.borrow().close(200, short_string("bye")).await?) };
    if let Err(error) = closed(closing).await {
        tracing::debug!(%error, "connection not closed cleanly");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncReadExt as _;

    #[tokio::test]
    async fn an_amqps_url_never_speaks_in_the_clear() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let url = SecretString::from(format!("amqps://guest:guest@127.0.0.1:{port}/%2f"));
        let connecting = tokio::spawn(async move { connect(&url, "test").await });
        let (mut peer, _) = listener.accept().await.expect("a connection");
        let mut first = [0; 4];
        peer.read_exact(&mut first).await.expect("first bytes");
        connecting.abort();
        assert_ne!(&first, b"AMQP");
        assert_eq!(first[0], 0x16, "a TLS handshake record");
    }
}
