//! Passive declarations and other calls whose refusal is the answer. A refusal closes its channel, so
//! each call has its own.

use crate::broker::connection::in_time;
use crate::broker::error::{BrokerError, Result};
use crate::broker::short_string::short_string;
use lapin::options::{ExchangeDeclareOptions, QueueDeclareOptions};
use lapin::protocol::{AMQPErrorKind, AMQPSoftError};
use lapin::types::FieldTable;
use lapin::{Channel, Connection, ErrorKind, ExchangeKind};

/// What the broker answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ProbeResult {
    /// It did what was asked.
    Fine,
    /// 404: there is none.
    Missing,
    /// 403: the user lacks the right.
    Forbidden,
    /// 406: what exists, or what was asked for, does not fit; in the broker's words.
    Refused(String),
}

pub(in crate::broker) async fn is_exchange(connection: &Connection, name: &str) -> Result<bool> {
    let asked = probe(connection, async move |channel| {
        let passive = ExchangeDeclareOptions { passive: true, ..Default::default() };
        let (name, kind) = (short_string(name), ExchangeKind::Topic);
        channel.exchange_declare(name, kind, passive, FieldTable::default()).await
    });
    Ok(asked.await? != ProbeResult::Missing)
}

pub(in crate::broker) async fn is_queue(connection: &Connection, name: &str) -> Result<bool> {
    let asked = probe(connection, async move |channel| {
        let passive = QueueDeclareOptions { passive: true, ..Default::default() };
        channel.queue_declare(short_string(name), passive, FieldTable::default()).await.map(drop)
    });
    Ok(asked.await? != ProbeResult::Missing)
}

/// Makes one call on a channel of its own.
pub(in crate::broker) async fn probe<A: Future<Output = lapin::Result<()>>>(
    connection: &Connection,
    call: impl FnOnce(Channel) -> A,
) -> Result<ProbeResult> {
    in_time("a probe", async {
        let channel = connection.create_channel().await?;
        match call(channel.clone()).await {
            Ok(()) => {
                channel.close(200, short_string("asked")).await?;
                Ok(ProbeResult::Fine)
            }
            Err(error) => classify(error),
        }
    })
    .await
}

/// An error that is an answer becomes one; all others stay errors.
fn classify(error: lapin::Error) -> Result<ProbeResult> {
    let ErrorKind::ProtocolError(reply) = error.kind() else { return Err(error.into()) };
    match reply.kind() {
        AMQPErrorKind::Soft(AMQPSoftError::NOTFOUND) => Ok(ProbeResult::Missing),
        AMQPErrorKind::Soft(AMQPSoftError::ACCESSREFUSED) => Ok(ProbeResult::Forbidden),
        AMQPErrorKind::Soft(AMQPSoftError::PRECONDITIONFAILED) => {
            Ok(ProbeResult::Refused(reply.get_message().to_string()))
        }
        _ => Err(BrokerError::Broker(error)),
    }
}
