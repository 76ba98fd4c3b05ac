//! One question, and what the broker said. A refusal closes its channel, so each question has its own.

use crate::broker::connection::in_time;
use crate::broker::error::{BrokerError, Result};
use crate::broker::short_string::own;
use lapin::options::{ExchangeDeclareOptions, QueueDeclareOptions};
use lapin::protocol::{AMQPErrorKind, AMQPSoftError};
use lapin::types::FieldTable;
use lapin::{Channel, Connection, ErrorKind, ExchangeKind};

/// What the broker said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProbeResult {
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
pub(in crate::broker) async fn is_exchange(connection: &Connection, name: &str) -> Result<bool> {
    let looking = ask(connection, async move |channel| {
        let passive = ExchangeDeclareOptions { passive: true, ..Default::default() };
        let (name, kind) = (own(name), ExchangeKind::Topic);
        channel.exchange_declare(name, kind, passive, FieldTable::default()).await
    });
    Ok(looking.await? != ProbeResult::Missing)
}

/// Whether there is a queue of this name.
///
/// # Errors
/// When the broker is away.
pub(in crate::broker) async fn is_queue(connection: &Connection, name: &str) -> Result<bool> {
    let looking = ask(connection, async move |channel| {
        let passive = QueueDeclareOptions { passive: true, ..Default::default() };
        channel.queue_declare(own(name), passive, FieldTable::default()).await.map(drop)
    });
    Ok(looking.await? != ProbeResult::Missing)
}

/// Asks on a channel of its own.
pub(in crate::broker) async fn ask<A: Future<Output = lapin::Result<()>>>(
    connection: &Connection,
    question: impl FnOnce(Channel) -> A,
) -> Result<ProbeResult> {
    in_time("a question", async {
        let channel = connection.create_channel().await?;
        match question(channel.clone()).await {
            Ok(()) => {
                channel.close(200, own("asked")).await?;
                Ok(ProbeResult::Fine)
            }
            Err(error) => heard(error),
        }
    })
    .await
}

fn heard(error: lapin::Error) -> Result<ProbeResult> {
    let ErrorKind::ProtocolError(said) = error.kind() else { return Err(error.into()) };
    match said.kind() {
        AMQPErrorKind::Soft(AMQPSoftError::NOTFOUND) => Ok(ProbeResult::Missing),
        AMQPErrorKind::Soft(AMQPSoftError::ACCESSREFUSED) => Ok(ProbeResult::Forbidden),
        AMQPErrorKind::Soft(AMQPSoftError::PRECONDITIONFAILED) => {
            Ok(ProbeResult::Refused(said.get_message().to_string()))
        }
        _ => Err(BrokerError::Broker(error)),
    }
}
