//! The worker: takes requests, decides them in batches, publishes the results.
//!
//! Life of a delivery: **gather** what has arrived into a batch; **process** it (load, decide,
//! persist in one transaction); **publish** the results and wait for their confirms; **settle** (ack)
//! only then. While one batch publishes, the next is in the database.
//!
//! Who is authoritative: the ledger. A worker holds nothing that another needs; whatever dies
//! half-way is delivered again, found in the ledger, and its stored answer is published again.
//!
//! What happens on failure: [`process`] sorts database errors (an outage waits, a job's own fault is
//! isolated, a fault of deployment pauses and alarms), [`waiting`] holds the jobs that need a row which
//! somebody else holds, [`suspects`] those that may be at fault, and [`undertaker`] buries what was tried
//! too often, not counting what was [`untried`]; [`laggards`] waits for queues that confirm nothing; any
//! other fault of the broker ends the [`lane`]'s session, and a new one begins with new connections.

pub mod age;
pub mod attempt;
pub mod batch;
pub mod dubious;
pub mod laggards;
pub mod lane;
pub mod parcel;
pub mod parts;
pub mod process;
pub mod publish;
pub mod silent;
pub mod stock;
pub mod suspects;
pub mod traced;
pub mod trials;
pub mod undertaker;
pub mod untried;
pub mod waiting;

use crate::broker::lanes::{self, LANES_MAX, Source};
use crate::broker::message::Bound;
use crate::broker::{self, BrokerError};
use crate::domain::decide::Rules;
use crate::gauges::Gauges;
use crate::retry::Pauses;
use crate::traces::Traces;
use crate::{store, wire};
use age::{Ages, Hand};
use secrecy::SecretString;
use silent::SilentRoutes;
use sqlx::PgPool;
use std::sync::Arc;
use time::Duration;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Most jobs in a batch. Measured on 2 cores (the table in README.md): above it, a crash costs more and
/// throughput hardly grows.
pub const BATCH_MAX: usize = 500;

/// Connections that publish: each lane has one for its results, which may be replaced, and if need be
/// one for direct replies and one for what is not confirmed.
const PUBLISHERS_MAX: usize = 4 * (LANES_MAX as usize + 1);

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
    /// The books.
    pub store: PgPool,
    /// Connections that publish results.
    pub publishers: broker::Pool,
    /// The largest result that the broker takes, as far as is known.
    pub bound: Bound,
    /// Where results are not confirmed.
    pub silent: Arc<SilentRoutes>,
    /// What the lane has in hand.
    pub hand: Arc<Hand>,
    /// Makes spans.
    pub traces: Traces,
}

impl Context {
    /// The rules of this instant.
    pub fn rules(&self) -> Rules {
        Rules { now: wire::now(), age_max: self.settings.age_max }
    }
}

/// Runs until told to stop; then finishes what it has taken.
///
/// # Errors
/// When the broker's URL can't be read. Outages are waited for.
pub async fn run(
    settings: Settings,
    store: PgPool,
    gauges: Gauges,
    traces: Traces,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let publishers = broker::pool(&settings.amqp_url, "redeemq worker: results", PUBLISHERS_MAX)?;
    broker::measure(&gauges, "results", publishers.clone());
    store::measure(&gauges, "worker_database", store.clone());
    let mut running = JoinSet::new();
    if let Some(every) = settings.look_every {
        let watching = stop.clone().run_until_cancelled_owned(stock::watch(store.clone(), every));
        running.spawn(async move { watching.await.unwrap_or_default() });
    }
    metrics::gauge!("redeemq_routes_silent").set(0.0);
    let (bound, silent, ages) = (Bound::default(), Arc::default(), Ages::measured_by(&gauges));
    let (source, hand) = (Source::Common, ages.hand());
    let common = Context { source, settings, store, publishers, bound, silent, hand, traces };
    let Some(lanes) = stop.run_until_cancelled(until_laid_out(&common.settings)).await else {
        return Ok(());
    };
    let numbered = (1..=lanes?).map(Source::Lane);
    for source in std::iter::once(Source::Common).chain(numbered) {
        let hand = ages.hand();
        let context = Arc::new(Context { source, hand, ..common.clone() });
        running.spawn(lane::supervise(context, stop.clone()));
    }
    running.join_all().await;
    Ok(())
}

/// Sets the number of lanes, if one is given; tells how many there are to take from.
async fn until_laid_out(settings: &Settings) -> anyhow::Result<u16> {
    let mut pauses = Pauses::new();
    loop {
        match lay_out(settings).await {
            Ok(lanes) => return Ok(lanes),
            Err(error @ (BrokerError::NoLanes | BrokerError::Topology { .. })) => {
                return Err(error.into());
            }
            Err(error) => {
                tracing::warn!(%error, "the broker is away: the worker waits for it");
                tokio::time::sleep(pauses.draw()).await;
            }
        }
    }
}

async fn lay_out(settings: &Settings) -> broker::Result<u16> {
    let connection = broker::connect(&settings.amqp_url, "redeemq worker: lanes").await?;
    let laying_out = async {
        if let Some(lanes) = settings.lanes {
            broker::topology::declare(&connection, settings.queue_bytes_max).await?;
            lanes::lay_out(&connection, lanes, settings.queue_bytes_max).await?;
        }
        lanes::count(&connection).await
    };
    let laid_out = laying_out.await;
    broker::close(connection).await;
    laid_out
}
