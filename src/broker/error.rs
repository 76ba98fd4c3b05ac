//! What can go wrong with a broker.

use lapin::ErrorKind;
use lapin::protocol::{AMQPErrorKind, AMQPHardError};

/// The result of this layer.
pub type Result<T, E = BrokerError> = std::result::Result<T, E>;

/// An error of the broker layer. Services reconnect and try again after any of them.
#[derive(Debug, thiserror::Error)]
pub enum BrokerError {
    /// The client library's or the broker's word.
    #[error("broker: {0}")]
    Broker(#[from] lapin::Error),
    /// The URL is none.
    #[error(
        "AMQP_URL can't be read ({0}): write amqp://user:password@host:port/vhost, with %2f for the default vhost"
    )]
    Url(String),
    /// Nothing listens there, or what does is no broker.
    #[error("broker: can't be reached: {0}")]
    Unreachable(#[from] std::io::Error),
    /// The pool has no connection.
    #[error("broker: no connection to publish on: {0}")]
    Pool(String),
    /// What was asked may have happened all the same.
    #[error("broker: no answer to {0} in time")]
    TimedOut(&'static str),
    /// As above: the connection ended first.
    #[error("broker: the connection was lost before the answer to {0}")]
    ConnectionLost(&'static str),
    /// A fault of ours. What was on its way is delivered again.
    #[error("{0} panicked: the lines above this one in the log say where; please report them")]
    Panicked(&'static str),
    /// The broker cancelled a consumer that nobody here told to end.
    #[error("broker: it cancelled the consumer: the queue was deleted, or its node went away")]
    ConsumerEnded,
    /// A message that came by this very broker is larger than it takes now.
    #[error("broker: it takes no message as large as this dead letter: raise its max_message_size")]
    TooLarge,
    /// A declaration does not fit what exists.
    #[error(
        "broker: {what} can't be declared: {error}. If it exists with other arguments, delete it (a queue when it is empty), and a worker declares it anew; or declare it with the arguments that are wanted"
    )]
    Topology {
        /// Which exchange or queue.
        what: String,
        /// The broker's word.
        error: lapin::Error,
    },
    /// The broker lacks the plugin for lanes.
    #[error(
        "broker: it knows no consistent-hash exchange, which lanes need: run `rabbitmq-plugins enable rabbitmq_consistent_hash_exchange` on each node, or leave REDEEMQ_LANES out"
    )]
    NoHashExchange,
    /// A lane that existed does no more.
    #[error("broker: queue redeem.requests.{0} was deleted, so there is no lane {0} to consume")]
    NoLane(u16),
    /// What the broker sends ends one session after another, or is never reached before they end.
    #[error("broker: all that it sent has come {0} times or more without being settled")]
    SentOften(i64),
    /// Nobody who may declare it has done so yet.
    #[error(
        "broker: {0} does not exist, and this user may not declare it: start a worker, which does"
    )]
    Absent(&'static str),
    /// Newer brokers tell only users with a right on a name whether it exists.
    #[error(
        "broker: this user has no right on {0}, so it can't tell whether it exists: give it the rights of deploy/broker-users"
    )]
    Hidden(String),
    /// An answer that this call can't have.
    #[error("broker: it answered a passive declaration with: {0}")]
    Unexpected(String),
    /// The management API did not tell what it was asked.
    #[error("management API: {0}")]
    Management(String),
    /// A message that must not be lost reached no queue.
    #[error(
        "broker: a message for {0} was returned: exchange or queue is missing; a worker declares both when it starts"
    )]
    Unroutable(&'static str),
}

impl BrokerError {
    /// Whether the session after this one has to take deliveries one by one.
    pub fn wants_one_by_one(&self) -> bool {
        self.is_unreadable() || matches!(self, BrokerError::SentOften(_))
    }

    /// Whether the broker told why it closed the channel or the connection.
    pub(in crate::broker) fn is_of_protocol(&self) -> bool {
        matches!(self, BrokerError::Broker(error) if matches!(error.kind(), ErrorKind::ProtocolError(_)))
    }

    /// Whether what the broker sent can't be read: the client library reads texts as UTF-8 only, and no
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
