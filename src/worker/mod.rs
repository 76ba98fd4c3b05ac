//! The worker: takes requests, decides them in batches, publishes the results.
//!
//! Life of a delivery: **gather** what has arrived into a batch; **process** it (load, decide,
//! persist in one transaction); **publish** the results and wait for their confirms; **settle** (ack)
//! only then. While one batch publishes, the next is in the database.
//!
//! Who is authoritative: the ledger. A worker holds nothing that another needs; whatever dies
//! half-way is delivered again, found in the ledger, and its stored answer is published again.
//!
//! What happens on failure: [`batch::process`] sorts database errors (an outage waits, a job's own fault
//! is isolated, a fault of deployment pauses and alarms); [`parked`] holds the jobs that need a row which
//! another transaction holds; [`redelivery`] decides what becomes of deliveries that came before, of jobs
//! that may be poison, and of those over the delivery limit; [`publish`] opens a circuit for a queue that
//! confirms nothing. Any other fault of the broker ends the [`lane`]'s session, and a new one begins with
//! new connections.

pub mod batch;
pub mod context;
pub mod lane;
pub mod metrics;
pub mod parked;
pub mod publish;
pub mod redelivery;

use crate::broker::publish::message::MaxMessageSize;
use crate::broker::topology::lanes::{self, LANES_MAX, Source};
use crate::broker::{self, BrokerError};
use crate::gauges::Gauges;
use crate::retry::Pauses;
use crate::store;
use crate::traces::Traces;
pub use context::{BATCH_MAX, Settings};

use context::Context;
use metrics::in_flight_age::InFlightAges;
use metrics::stock;
use sqlx::PgPool;
use std::sync::Arc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Connections that publish: each lane has one for its results, which may be replaced, and if need be
/// one for direct replies and one for what is not confirmed.
const PUBLISHERS_MAX: usize = 4 * (LANES_MAX as usize + 1);

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
    ::metrics::gauge!("redeemq_routes_silent").set(0.0);
    let (max_message_size, route_circuits, ages) =
        (MaxMessageSize::default(), Arc::default(), InFlightAges::measured_by(&gauges));
    let (source, hand) = (Source::Common, ages.hand());
    let common = Context {
        source,
        settings,
        store,
        publishers,
        max_message_size,
        route_circuits,
        hand,
        traces,
    };
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
