//! Changing the number of lanes.

use crate::broker::error::{BrokerError, Result};
use crate::broker::short_string::short_string;
use crate::broker::topology::declaration::{
    bind, ensure_exchange, ensure_queue, on_own_channel, unbind,
};
use crate::broker::topology::definitions::{self, ALL_KEYS, REQUESTS};
use crate::broker::topology::lanes::count::count;
use crate::broker::topology::lanes::definitions::{LANES, exchange, name, queue};
use lapin::options::{ExchangeBindOptions, ExchangeDeleteOptions};
use lapin::protocol::{AMQPErrorKind, AMQPHardError, AMQPSoftError};
use lapin::types::FieldTable;
use lapin::{Connection, ErrorKind};

/// Spreads requests over this many lanes from now on; with 1, all go to the queue redeem.requests again.
///
/// Between any two steps each request goes to a queue that workers consume: what no lane takes goes to
/// the unrouted queue. So it can be done, and can fail half-way, while requests come.
///
/// # Errors
/// When the broker is away, lacks the plugin, or something exists with other arguments.
pub async fn lay_out(connection: &Connection, lanes: u16, bytes_max: u64) -> Result<()> {
    let [.., requests] = definitions::queues(bytes_max);
    if lanes <= 1 {
        delete_exchange(connection).await?;
        return bind(connection, &requests).await;
    }
    ensure_exchange(connection, &exchange()).await.map_err(advise_plugin)?;
    for number in 1..=lanes {
        let lane = queue(number, bytes_max);
        ensure_queue(connection, &lane).await?;
        bind(connection, &lane).await?;
    }
    let there = count(connection).await?.ok_or_else(|| BrokerError::Hidden(name(1)))?;
    for number in lanes + 1..=there {
        unbind(connection, &queue(number, bytes_max)).await?;
    }
    // In this order: while both are bound, each request is delivered twice.
    unbind(connection, &requests).await?;
    bind_exchange(connection).await
}

async fn bind_exchange(connection: &Connection) -> Result<()> {
    on_own_channel(connection, "exchange.bind", async |channel| {
        let (to, from, key) = (short_string(LANES), short_string(REQUESTS), short_string(ALL_KEYS));
        let options = ExchangeBindOptions::default();
        Ok(channel.exchange_bind(to, from, key, options, FieldTable::default()).await?)
    })
    .await
}

async fn delete_exchange(connection: &Connection) -> Result<()> {
    on_own_channel(connection, "exchange.delete", async |channel| {
        Ok(channel.exchange_delete(short_string(LANES), ExchangeDeleteOptions::default()).await?)
    })
    .await
}

fn advise_plugin(error: BrokerError) -> BrokerError {
    match error {
        BrokerError::Topology { error, .. } if is_unknown_kind(&error) => {
            BrokerError::NoHashExchange
        }
        error => error,
    }
}

/// Up to 3.13 the broker closes the whole connection over an exchange of a kind that it doesn't know;
/// since 4.0 only the channel, in words that name the kind.
fn is_unknown_kind(error: &lapin::Error) -> bool {
    let ErrorKind::ProtocolError(error) = error.kind() else { return false };
    match error.kind() {
        AMQPErrorKind::Hard(AMQPHardError::COMMANDINVALID) => true,
        AMQPErrorKind::Soft(AMQPSoftError::PRECONDITIONFAILED) => {
            error.get_message().as_str().contains("exchange type 'x-consistent-hash'")
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lapin::protocol::AMQPError;

    fn advised(kind: AMQPErrorKind, words: &str) -> BrokerError {
        let error = ErrorKind::ProtocolError(AMQPError::new(kind, words.into())).into();
        advise_plugin(BrokerError::Topology { what: LANES.to_owned(), error })
    }

    #[test]
    fn without_the_plugin_every_version_is_told_to_enable_it() {
        let hard = AMQPErrorKind::Hard(AMQPHardError::COMMANDINVALID);
        let soft = AMQPErrorKind::Soft(AMQPSoftError::PRECONDITIONFAILED);
        for (kind, words) in [
            (hard, "COMMAND_INVALID - unknown exchange type 'x-consistent-hash'"),
            (soft.clone(), "PRECONDITION_FAILED - unknown exchange type 'x-consistent-hash'"),
            (soft, "PRECONDITION_FAILED - invalid exchange type 'x-consistent-hash'"),
        ] {
            assert!(matches!(advised(kind, words), BrokerError::NoHashExchange), "{words}");
        }
    }

    #[test]
    fn another_exchange_of_that_name_is_no_matter_of_plugins() {
        let soft = AMQPErrorKind::Soft(AMQPSoftError::PRECONDITIONFAILED);
        let words = "PRECONDITION_FAILED - inequivalent arg 'type' for exchange 'redeem.requests.lanes' in vhost '/': received ''x-consistent-hash'' but current is 'topic'";
        assert!(matches!(advised(soft, words), BrokerError::Topology { .. }));
        let refused = AMQPErrorKind::Soft(AMQPSoftError::ACCESSREFUSED);
        assert!(matches!(advised(refused, "ACCESS_REFUSED"), BrokerError::Topology { .. }));
    }
}
