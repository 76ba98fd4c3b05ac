//! Lanes: many request queues, so that jobs which contend for the same rows meet in one of them and
//! are batched there, while others run beside them, on other nodes of a broker cluster.
//!
//! ```text
//! redeem.requests (topic) ──#──▶ redeem.requests.lanes (consistent hash of x-contends-for) ──▶ redeem.requests.1, .2, … .N
//!    └ nothing bound: spare         └ no lane: spare
//! ```
//! Where there are lanes, the queue redeem.requests is bound to nothing; what lies in it is worked off.
//! Each lane sends to one consumer at a time, and the next one takes over when that ends. How many there
//! are is known to the broker alone: whoever starts finds them.

use crate::broker::error::{BrokerError, Result};
use crate::broker::short_string::own;
use crate::broker::topology::declare;
use crate::broker::topology::definitions::{
    self, ALL_KEYS, Argument, Exchange, Queue, REQUESTS, SPARE, TO_SPARE,
};
use crate::broker::topology::passive::{is_exchange, is_queue};
use lapin::Connection;
use lapin::ExchangeKind;
use lapin::options::{ExchangeBindOptions, ExchangeDeleteOptions};
use lapin::protocol::{AMQPErrorKind, AMQPHardError};
use lapin::types::{AMQPValue, FieldTable};

/// Spreads requests over the lanes.
pub const LANES: &str = "redeem.requests.lanes";
/// The header that says what a job contends for; jobs without it share one lane.
pub const CONTENDS_FOR: &str = "x-contends-for";
/// Most lanes. Each costs a worker a connection and a session in the database.
pub const LANES_MAX: u16 = 64;

/// A lane's share of the hash's values: all have the same.
const WEIGHT: &str = "1";

/// The exchange that spreads.
pub fn exchange() -> Exchange {
    let kind = ExchangeKind::Custom("x-consistent-hash".to_owned());
    // An exchange behind another does not fall back on the other's alternate.
    Exchange { name: LANES, kind, arguments: &[("hash-header", CONTENDS_FOR), TO_SPARE] }
}

/// A lane by its number, which begins with 1.
pub fn queue(number: u16, bytes_max: u64) -> Queue {
    let mut arguments = definitions::requests(bytes_max, SPARE);
    arguments.push(("x-single-active-consumer", Argument::Flag(true)));
    arguments.push(("x-queue-leader-locator", Argument::Text("balanced")));
    Queue { name: name(number).into(), arguments, bound_to: LANES, by: WEIGHT }
}

/// The name of a lane's queue.
pub fn name(number: u16) -> String {
    format!("{REQUESTS}.{number}")
}

/// The headers of a request that contends for this.
pub fn contending_for(what: &str) -> FieldTable {
    let mut headers = FieldTable::default();
    headers.insert(own(CONTENDS_FOR), AMQPValue::LongString(what.into()));
    headers
}

/// What a consumer takes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The queues that every broker has. Several consumers may take from them at a time.
    Common,
    /// One lane, which sends to one consumer at a time.
    Lane(u16),
}

impl Source {
    /// Its queues.
    pub fn queues(self) -> Vec<String> {
        match self {
            Source::Common => vec![REQUESTS.to_owned(), SPARE.to_owned()],
            Source::Lane(number) => vec![name(number)],
        }
    }

    /// For metrics and logs.
    pub fn label(self) -> String {
        match self {
            Source::Common => "common".to_owned(),
            Source::Lane(number) => number.to_string(),
        }
    }
}

/// Whether requests are spread over lanes.
///
/// # Errors
/// When the broker is away.
pub async fn are_there(connection: &Connection) -> Result<bool> {
    is_exchange(connection, LANES).await
}

/// How many queues of lanes there are: those that requests are spread over, and above them those of
/// earlier days, which may still hold some.
///
/// # Errors
/// When the broker is away.
pub async fn count(connection: &Connection) -> Result<u16> {
    let mut there = 0;
    while there < LANES_MAX && is_queue(connection, &name(there + 1)).await? {
        there += 1;
    }
    Ok(there)
}

/// The queues that should be there: those of every broker, and the lanes that this one has.
///
/// # Errors
/// When the broker is away.
pub async fn wanted_queues(connection: &Connection, bytes_max: u64) -> Result<Vec<Queue>> {
    let lanes = (1..=count(connection).await?).map(|number| queue(number, bytes_max));
    Ok(definitions::queues(bytes_max).into_iter().chain(lanes).collect())
}

/// Spreads requests over so many lanes from now on; over 1, all go to the queue redeem.requests again.
///
/// Between any two steps each request goes to a queue that workers consume: what no lane wants goes to
/// the spare queue. So it can be done, and can fail half-way, while requests come.
///
/// # Errors
/// When the broker is away, lacks the plugin, or something exists with other arguments.
pub async fn lay_out(connection: &Connection, lanes: u16, bytes_max: u64) -> Result<()> {
    let [_, _, plain] = definitions::queues(bytes_max);
    if lanes <= 1 {
        remove_exchange(connection).await?;
        return declare::bind(connection, &plain).await;
    }
    declare_exchange(connection).await?;
    for number in 1..=lanes {
        let lane = queue(number, bytes_max);
        declare::set_up(connection, &lane).await?;
        declare::bind(connection, &lane).await?;
    }
    for number in lanes + 1..=count(connection).await? {
        declare::unbind(connection, &queue(number, bytes_max)).await?;
    }
    // In this order, for both at once would take each request twice.
    declare::unbind(connection, &plain).await?;
    bind_exchange(connection).await
}

async fn declare_exchange(connection: &Connection) -> Result<()> {
    let exchange = exchange();
    declare::on_a_channel(connection, "exchange.declare", async |channel| {
        let declared = declare::declare_exchange(&channel, &exchange).await;
        declared.map_err(|error| match is_unknown_kind(&error) {
            true => BrokerError::NoLanes,
            false => BrokerError::Topology { what: LANES.to_owned(), error },
        })
    })
    .await
}

async fn bind_exchange(connection: &Connection) -> Result<()> {
    declare::on_a_channel(connection, "exchange.bind", async |channel| {
        let (to, from, by) = (own(LANES), own(REQUESTS), own(ALL_KEYS));
        let options = ExchangeBindOptions::default();
        Ok(channel.exchange_bind(to, from, by, options, FieldTable::default()).await?)
    })
    .await
}

async fn remove_exchange(connection: &Connection) -> Result<()> {
    declare::on_a_channel(connection, "exchange.delete", async |channel| {
        Ok(channel.exchange_delete(own(LANES), ExchangeDeleteOptions::default()).await?)
    })
    .await
}

/// The broker ends the whole connection over an exchange of a kind that it doesn't know.
fn is_unknown_kind(error: &lapin::Error) -> bool {
    matches!(error.kind(), lapin::ErrorKind::ProtocolError(error)
        if *error.kind() == AMQPErrorKind::Hard(AMQPHardError::COMMANDINVALID))
}
