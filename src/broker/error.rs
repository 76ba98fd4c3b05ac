//! What can go wrong with a broker.

use lapin::ErrorKind;
use lapin::protocol::{AMQPErrorKind, AMQPHardError};

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

impl BrokerError {
    /// Whether the session after this is to take deliveries one by one.
    pub fn wants_one_by_one(&self) -> bool {
        self.is_unreadable() || matches!(self, BrokerError::SentOften(_))
    }

    /// Whether the broker told why it ended the channel or the connection.
    pub(in crate::broker) fn is_of_protocol(&self) -> bool {
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
