//! Everything that touches RabbitMQ, and the only place that sees the client library.
//!
//! Consuming and publishing use different connections: a broker that blocks publishers also stops
//! the acks on their connection. There is no automatic recovery anywhere: it would hand us
//! deliveries of a dead channel beside their redelivered twins. Whoever meets a fault drops
//! connection and channel and begins anew.

pub mod alone;
pub mod consumer;
pub mod dead;
pub mod depths;
pub mod direct;
pub mod document;
pub mod greeting;
mod in_flight;
mod knock;
pub mod lanes;
pub mod letters;
pub mod management;
pub mod message;
pub mod probe;
pub mod publisher;
mod question;
pub mod replies;
pub mod settler;
pub mod topology;
pub mod traced;

use crate::gauges::{Gauges, pooled};
use deadpool_lapin::{PoolConfig, Runtime, Timeouts};
use lapin::protocol::{AMQPErrorKind, AMQPHardError};
use lapin::uri::AMQPUri;
use lapin::{ConnectionProperties, ErrorKind};
use secrecy::{ExposeSecret, SecretString};
use std::borrow::Borrow;
use std::time::Duration;

pub use deadpool_lapin::Pool;
pub use lapin::types::{AMQPValue, FieldTable, ShortString};
pub use lapin::{BasicProperties, Connection};

/// Longest wait for a connection or an answer of the broker.
pub const BROKER_TIMEOUT: Duration = Duration::from_secs(5);
/// Shorter ones give false alarms under load; longer ones leave a dead peer unnoticed.
const HEARTBEAT_SECONDS: u32 = 15;

/// Shorthand for this layer.
pub type Result<T, E = BrokerError> = std::result::Result<T, E>;

/// An error of the broker layer. All of them pass: reconnect and try again.
#[derive(Debug, thiserror::Error)]
pub enum BrokerError {
    /// The client library's or the broker's word.
    #[error("broker: {0}")]
    Broker(#[from] lapin::Error),
    /// The address is none.
    #[error(
        "AMQP_URL can't be read ({0}): it is amqp://user:password@host:port/vhost, the default vhost being %2f"
    )]
    Url(String),
    /// Nobody there, or not a broker.
    #[error("broker: can't be reached: {0}")]
    Unreachable(#[from] std::io::Error),
    /// No connection to be had.
    #[error("broker: no connection: {0}")]
    Pool(String),
    /// An answer did not come in time; what was asked may have happened.
    #[error("broker: no answer to {0} in time")]
    TimedOut(&'static str),
    /// A fault of ours. What was on its way is delivered again.
    #[error("{0} panicked: the lines above this one in the log say where; please report them")]
    Panicked(&'static str),
    /// The broker ended the consumer: the queue was deleted, or its node went away.
    #[error("broker: the consumer was ended")]
    ConsumerEnded,
    /// A dead letter, which came by this very broker, is more than it takes.
    #[error("broker: a dead letter is larger than it takes: raise its max_message_size")]
    TooLarge,
    /// A declaration does not fit what is there.
    #[error(
        "broker: {what} can't be declared: {error}. If it exists with other arguments, delete it (when empty) or mend them"
    )]
    Topology {
        /// Which exchange or queue.
        what: String,
        /// The broker's word.
        error: lapin::Error,
    },
    /// No plugin for lanes.
    #[error(
        "broker: it knows no consistent-hash exchange, which lanes need: run `rabbitmq-plugins enable rabbitmq_consistent_hash_exchange` on each node, or leave REDEEMQ_LANES out"
    )]
    NoLanes,
    /// A lane that was there is no more.
    #[error("broker: there is no lane {0}")]
    NoLane(u16),
    /// What it sends ends one session after another, or is never reached before they end.
    #[error("broker: all that it sent had come {0} times or more without being settled")]
    SentOften(i64),
    /// Whoever may declare it has not done so yet.
    #[error(
        "broker: {0} is not there, and this user may not declare it: a worker does when it starts"
    )]
    Absent(&'static str),
    /// The management API did not say what it was asked.
    #[error("management API: {0}")]
    Management(String),
    /// What must not be lost could not be routed to its queue.
    #[error("broker: a message for {0} came back: exchange or queue is missing")]
    Unroutable(&'static str),
}

/// A text from outside as the protocol's short string; none when it is longer than 255 bytes (the
/// library's own conversion would panic).
pub fn short(text: &str) -> Option<ShortString> {
    ShortString::try_new(text).ok()
}

impl BrokerError {
    /// Whether the session after this is to take deliveries one by one.
    pub fn wants_one_by_one(&self) -> bool {
        self.is_unreadable() || matches!(self, BrokerError::SentOften(_))
    }

    /// Whether the broker told why it ended the channel or the connection.
    fn is_of_protocol(&self) -> bool {
        matches!(self, BrokerError::Broker(error) if matches!(error.kind(), ErrorKind::ProtocolError(_)))
    }

    /// Whether what the broker sent can't be read: the client library knows texts as UTF-8 only, and no
    /// frame beyond the agreed size, which the broker itself exceeds when it adds headers of its own.
    pub fn is_unreadable(&self) -> bool {
        let BrokerError::Broker(error) = self else { return false };
        match error.kind() {
            ErrorKind::ParsingError(_) => true,
            ErrorKind::ProtocolError(error) => {
                *error.kind() == AMQPErrorKind::Hard(AMQPHardError::FRAMEERROR)
            }
            _ => false,
        }
    }
}

/// A text of our own, known to be short.
pub fn own(text: &str) -> ShortString {
    short(text).unwrap_or_default()
}

/// The URL with a heartbeat, unless it names one.
fn with_heartbeat(url: &str) -> String {
    match url.split_once('?') {
        Some((_, query)) if query.contains("heartbeat=") => url.to_owned(),
        Some(_) => format!("{url}&heartbeat={HEARTBEAT_SECONDS}"),
        None => format!("{url}?heartbeat={HEARTBEAT_SECONDS}"),
    }
}

fn properties(name: &str) -> ConnectionProperties {
    ConnectionProperties::default().with_connection_name(name.into())
}

/// The library would quote a URL that it can't read, password and all.
fn read(url: &SecretString) -> Result<AMQPUri> {
    with_heartbeat(url.expose_secret()).parse().map_err(|words: String| {
        BrokerError::Url(crate::secrets::unless_quoting(&words, url).to_owned())
    })
}

/// A connection of its own, for consuming or declaring.
///
/// # Errors
/// When the URL can't be read, or the broker is away or refuses.
pub async fn connect(url: &SecretString, name: &str) -> Result<Connection> {
    let uri = read(url)?;
    knock::knock(&uri).await?;
    in_time("connect", async { Ok(Connection::connect_uri(uri, properties(name)).await?) }).await
}

/// The connections that publish. Each is used by one task at a time.
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
    let url = Some(with_heartbeat(url.expose_secret()));
    let config = deadpool_lapin::Config { url, pool: Some(pool) };
    config
        .create_pool(move || properties(name), Runtime::Tokio1)
        .map_err(|error| BrokerError::Pool(error.to_string()))
}

/// Has the use of a pool measured.
pub fn measure(gauges: &Gauges, name: &'static str, pool: Pool) {
    gauges.add(move || {
        let status = pool.status();
        let idle = status.available.min(status.size);
        pooled(name, (status.size - idle) as f64, idle as f64, status.max_size as f64);
    });
}

/// Runs a call to the broker under the time limit.
pub async fn in_time<T>(what: &'static str, call: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::time::timeout(BROKER_TIMEOUT, call).await.unwrap_or(Err(BrokerError::TimedOut(what)))
}

/// Ends a connection, in bounded time: the broker may not answer.
pub async fn close(connection: impl Borrow<Connection>) {
    let closing = async { Ok(connection.borrow().close(200, own("bye")).await?) };
    if let Err(error) = in_time("close", closing).await {
        tracing::debug!(%error, "connection not closed cleanly");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncReadExt as _;

    #[test]
    fn a_heartbeat_is_added_but_never_replaced() {
        assert_eq!(with_heartbeat("amqp://h/%2f"), "amqp://h/%2f?heartbeat=15");
        assert_eq!(with_heartbeat("amqp://h/v?frame_max=9"), "amqp://h/v?frame_max=9&heartbeat=15");
        assert_eq!(with_heartbeat("amqp://h/v?heartbeat=3"), "amqp://h/v?heartbeat=3");
    }

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
