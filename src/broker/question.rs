//! One question, and what the broker said. A refusal closes its channel, so each question has its own.

use super::{BrokerError, Result, in_time, own};
use lapin::options::{ExchangeDeclareOptions, QueueDeclareOptions};
use lapin::protocol::{AMQPErrorKind, AMQPSoftError};
use lapin::types::FieldTable;
use lapin::{Channel, Connection, ErrorKind, ExchangeKind};

/// What the broker said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// Nothing against it.
    Fine,
    /// There is none (404).
    Missing,
    /// The user has no right to that (403).
    Forbidden,
    /// What is there, or what was asked for, does not fit (406), in the broker's words.
    Refused(String),
}

/// Whether there is an exchange of this name. Looking needs no right at all.
///
/// # Errors
/// When the broker is away.
pub(super) async fn is_exchange(connection: &Connection, name: &str) -> Result<bool> {
    let looking = ask(connection, async move |channel| {
        let passive = ExchangeDeclareOptions { passive: true, ..Default::default() };
        let (name, kind) = (own(name), ExchangeKind::Topic);
        channel.exchange_declare(name, kind, passive, FieldTable::default()).await
    });
    Ok(looking.await? != Heard::Missing)
}

/// Whether there is a queue of this name.
///
/// # Errors
/// When the broker is away.
pub(super) async fn is_queue(connection: &Connection, name: &str) -> Result<bool> {
    let looking = ask(connection, async move |channel| {
        let passive = QueueDeclareOptions { passive: true, ..Default::default() };
        channel.queue_declare(own(name), passive, FieldTable::default()).await.map(drop)
    });
    Ok(looking.await? != Heard::Missing)
}

/// Asks on a channel of its own.
pub(super) async fn ask<A: Future<Output = lapin::Result<()>>>(
    connection: &Connection,
    question: impl FnOnce(Channel) -> A,
) -> Result<Heard> {
    in_time("a question", async {
        let channel = connection.create_channel().await?;
        match question(channel.clone()).await {
            Ok(()) => {
                channel.close(200, own("asked")).await?;
                Ok(Heard::Fine)
            }
            Err(error) => heard(error),
        }
    })
    .await
}

fn heard(error: lapin::Error) -> Result<Heard> {
    let ErrorKind::ProtocolError(said) = error.kind() else { return Err(error.into()) };
    match said.kind() {
        AMQPErrorKind::Soft(AMQPSoftError::NOTFOUND) => Ok(Heard::Missing),
        AMQPErrorKind::Soft(AMQPSoftError::ACCESSREFUSED) => Ok(Heard::Forbidden),
        AMQPErrorKind::Soft(AMQPSoftError::PRECONDITIONFAILED) => {
            Ok(Heard::Refused(said.get_message().to_string()))
        }
        _ => Err(BrokerError::Broker(error)),
    }
}
