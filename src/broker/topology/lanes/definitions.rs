//! The exchange and the queues of lanes as data.

use crate::broker::short_string::short_string;
use crate::broker::topology::definitions::{
    Argument, Exchange, Queue, REQUESTS, TO_UNROUTED, UNROUTED, request_arguments,
};
use lapin::ExchangeKind;
use lapin::types::{AMQPValue, FieldTable};

/// The exchange that spreads requests over the lanes.
pub const LANES: &str = "redeem.requests.lanes";
/// The header by which requests are spread: what a job contends for. Jobs without it share one lane.
pub const CONTENDS_FOR: &str = "x-contends-for";
/// Most lanes. Each costs a worker a connection and a session in the database.
pub const LANES_MAX: u16 = 64;

/// A lane's share of the hash's values: all have the same.
const WEIGHT: &str = "1";

/// The definition of [`LANES`].
pub fn exchange() -> Exchange {
    let kind = ExchangeKind::Custom("x-consistent-hash".to_owned());
    // An exchange behind another does not fall back on the other's alternate.
    Exchange { name: LANES, kind, arguments: &[("hash-header", CONTENDS_FOR), TO_UNROUTED] }
}

/// The definition of a lane; numbers begin with 1.
pub fn queue(number: u16, bytes_max: u64) -> Queue {
    let mut arguments = request_arguments(bytes_max, UNROUTED);
    arguments.push(("x-single-active-consumer", Argument::Flag(true)));
    arguments.push(("x-queue-leader-locator", Argument::Text("balanced")));
    Queue { name: name(number).into(), arguments, bound_to: LANES, routing_key: WEIGHT }
}

/// The name of a lane's queue.
pub fn name(number: u16) -> String {
    format!("{REQUESTS}.{number}")
}

/// Whether a queue of this name is a lane.
pub(crate) fn is_lane(queue: &str) -> bool {
    (1..=LANES_MAX).any(|number| name(number) == queue)
}

/// The headers of a request that contends for this.
pub fn contending_for(what: &str) -> FieldTable {
    let mut headers = FieldTable::default();
    headers.insert(short_string(CONTENDS_FOR), AMQPValue::LongString(what.into()));
    headers
}
