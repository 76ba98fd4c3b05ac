//! Everything that touches RabbitMQ, and the only place that sees the client library.
//!
//! Consuming and publishing use different connections: a broker that blocks publishers also stops the
//! acks on their connection. There is no automatic recovery: it would hand us deliveries of a dead channel
//! beside their redeliveries. A task that meets a fault drops its connection and its channel, and begins
//! anew.
//!
//! From the ground up: [`error`] and [`mod@short_string`]; [`connection`]; [`topology`], the exchanges and
//! queues as data, and how they are declared; [`consume`]; [`publish`]; on top of these [`inspect`],
//! which only looks, the spans of messages, and the AsyncAPI document.

pub mod asyncapi;
pub mod connection;
pub mod consume;
pub mod error;
mod headers;
pub(crate) mod inspect;
pub(crate) mod message_spans;
pub mod publish;
pub mod short_string;
pub mod topology;
pub(crate) mod trace_headers;

pub(crate) use connection::measure;
pub use connection::{BROKER_TIMEOUT, Pool, close, connect, pool};
pub use error::{BrokerError, Result};
pub use lapin::types::{AMQPValue, FieldTable, ShortString};
pub use lapin::{BasicProperties, Connection};
pub use short_string::{short_string, try_short_string};
