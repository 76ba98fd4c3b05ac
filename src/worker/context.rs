//! What every step of a worker needs: its settings, its connections and what its lanes share.

use crate::broker;
use crate::broker::publish::message::MaxMessageSize;
use crate::broker::topology::lanes::Source;
use crate::domain::decide::Rules;
use crate::store::StatementLimit;
use crate::traces::Traces;
use crate::wire;
use crate::worker::metrics::in_flight_age::InFlightAge;
use crate::worker::publish::route_circuits::RouteCircuits;
use secrecy::SecretString;
use sqlx::PgPool;
use std::sync::Arc;
use time::Duration;

/// Most jobs in a batch. Measured on 2 cores (the table in docs/benchmarks.md): above it, a crash costs more and
/// throughput hardly grows.
pub const BATCH_MAX: usize = 500;

/// How a worker runs.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where requests come from.
    pub amqp_url: SecretString,
    /// Most jobs in a batch.
    pub batch_max: usize,
    /// Bytes that may wait in a request queue.
    pub queue_bytes_max: u64,
    /// So many lanes from now on; none leaves them as the broker has them.
    pub lanes: Option<u16>,
    /// How long the database may take.
    pub statement_limit: StatementLimit,
    /// Jobs accepted longer ago are refused.
    pub age_max: Option<Duration>,
    /// How often the stock of watched goods is looked up, if at all.
    pub look_every: Option<std::time::Duration>,
}

/// What every step of a lane needs.
#[derive(Clone)]
pub struct Context {
    /// Which lane it is.
    pub source: Source,
    /// How it runs.
    pub settings: Settings,
    /// The database.
    pub store: PgPool,
    /// Connections that publish results.
    pub publishers: broker::Pool,
    /// The largest result that the broker takes, as far as is known.
    pub max_message_size: MaxMessageSize,
    /// Routes on which results are not confirmed.
    pub route_circuits: Arc<RouteCircuits>,
    /// The age of the jobs that the lane has taken.
    pub in_flight_age: Arc<InFlightAge>,
    /// Makes spans.
    pub traces: Traces,
}

impl Context {
    /// The rules of this instant.
    pub fn rules(&self) -> Rules {
        Rules { now: wire::now(), age_max: self.settings.age_max }
    }
}
