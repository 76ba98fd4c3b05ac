//! Passive declarations and other calls whose refusal is the answer. A refusal closes its channel, so
//! each call has its own.

use crate::broker::connection::answered;
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

/// What a passive declaration tells. RabbitMQ before 4.2.6 tells every user; later versions only those
/// that have a right on the name, and refuse all others whether or not anything of that name exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Existence {
    Present,
    Missing,
    /// The user has no right on the name: nothing is known.
    Hidden,
}

/// A queue, with its ready messages and its consumers if it is present.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum QueueState {
    Present {
        messages: u32,
        consumers: u32,
    },
    Missing,
    /// As [`Existence::Hidden`].
    Hidden,
}

pub(in crate::broker) async fn exchange(connection: &Connection, name: &str) -> Result<Existence> {
    let probed = probe(connection, async move |channel| {
        let passive = ExchangeDeclareOptions { passive: true, ..Default::default() };
        let (name, kind) = (short_string(name), ExchangeKind::Topic);
        channel.exchange_declare(name, kind, passive, FieldTable::default()).await
    });
    existence(probed.await?)
}

pub(in crate::broker) async fn queue(connection: &Connection, name: &str) -> Result<QueueState> {
    let mut counts = (0, 0);
    let declared_counts = &mut counts;
    let probed = probe(connection, async move |channel| {
        let passive = QueueDeclareOptions { passive: true, ..Default::default() };
        let name = short_string(name);
        let declared = channel.queue_declare(name, passive, FieldTable::default()).await?;
        *declared_counts = (declared.message_count(), declared.consumer_count());
        Ok(())
    })
    .await?;
    let (messages, consumers) = counts;
    Ok(match existence(probed)? {
        Existence::Present => QueueState::Present { messages, consumers },
        Existence::Missing => QueueState::Missing,
        Existence::Hidden => QueueState::Hidden,
    })
}

fn existence(probed: ProbeResult) -> Result<Existence> {
    match probed {
        ProbeResult::Fine => Ok(Existence::Present),
        ProbeResult::Missing => Ok(Existence::Missing),
        ProbeResult::Forbidden => Ok(Existence::Hidden),
        // A passive declaration compares nothing.
        ProbeResult::Refused(words) => Err(BrokerError::Unexpected(words)),
    }
}

/// Makes one call on a channel of its own.
pub(in crate::broker) async fn probe<A: Future<Output = lapin::Result<()>>>(
    connection: &Connection,
    call: impl FnOnce(Channel) -> A,
) -> Result<ProbeResult> {
    answered(connection, "a probe", async {
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

#[cfg(test)]
mod tests {
    use super::*;
    use lapin::protocol::{AMQPError, AMQPHardError};

    fn answer(kind: AMQPErrorKind, words: &str) -> lapin::Error {
        ErrorKind::ProtocolError(AMQPError::new(kind, words.into())).into()
    }

    fn soft(kind: AMQPSoftError, words: &str) -> Result<ProbeResult> {
        classify(answer(AMQPErrorKind::Soft(kind), words))
    }

    #[test]
    fn a_refusal_of_the_channel_is_an_answer() {
        let missing = "NOT_FOUND - no queue 'redeem.requests.1' in vhost '/'";
        let missing = soft(AMQPSoftError::NOTFOUND, missing).expect("an answer");
        assert_eq!(missing, ProbeResult::Missing);
        let hidden = "ACCESS_REFUSED - access to queue 'redeem.requests.1' in vhost '/' refused for user 'redeemq_ingress'";
        let hidden = soft(AMQPSoftError::ACCESSREFUSED, hidden).expect("an answer");
        assert_eq!(hidden, ProbeResult::Forbidden);
        let other = "PRECONDITION_FAILED - inequivalent arg 'x-overflow' for queue 'redeem.requests' in vhost '/'";
        let refused = soft(AMQPSoftError::PRECONDITIONFAILED, other).expect("an answer");
        assert_eq!(refused, ProbeResult::Refused(other.to_owned()));
    }

    #[test]
    fn what_is_no_answer_stays_an_error() {
        assert!(soft(AMQPSoftError::RESOURCELOCKED, "RESOURCE_LOCKED - …").is_err());
        let hard = AMQPErrorKind::Hard(AMQPHardError::INTERNALERROR);
        assert!(classify(answer(hard, "INTERNAL_ERROR")).is_err());
        assert!(classify(ErrorKind::ChannelsLimitReached.into()).is_err());
    }

    #[test]
    fn a_forbidden_name_is_never_taken_for_one_that_exists() {
        assert_eq!(existence(ProbeResult::Fine).expect("known"), Existence::Present);
        assert_eq!(existence(ProbeResult::Missing).expect("known"), Existence::Missing);
        assert_eq!(existence(ProbeResult::Forbidden).expect("known"), Existence::Hidden);
        assert!(existence(ProbeResult::Refused("406".to_owned())).is_err());
    }
}
