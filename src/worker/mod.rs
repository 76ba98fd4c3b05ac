//! The worker: takes requests, decides them in batches, publishes the results.
//!
//! The way of a delivery: **gather** what has arrived into a batch; **process** it (load, decide,
//! persist in one transaction); **publish** the results and wait for their confirms; **settle** (ack)
//! only then. While one batch publishes, the next is in the database.
//!
//! The ledger is authoritative. A worker holds nothing that another needs: a delivery that is
//! interrupted comes again, is found in the ledger, and its stored result is published again.
//!
//! What happens on failure: [`batch::process`] sorts database errors (an outage is retried, a failing job
//! is isolated, a fault of the deployment pauses and alarms); [`parked`] holds the jobs that need a row
//! which another transaction holds; [`redelivery`] decides what becomes of deliveries that came before, of jobs
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
/// one for direct replies and one for what is not confirmed. So have the broker's dead letters.
const PUBLISHERS_MAX: usize = 4 * (LANES_MAX as usize + 2);

/// Runs until told to stop; then finishes what it has taken.
///
/// # Errors
/// When the broker's URL can't be read, or its lanes can't be set up. Outages are waited for.
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
        let watching = stop.clone().run_until_cancelled_owned(stock::watch(
            store.clone(),
            settings.statement_limit,
            every,
        ));
        running.spawn(async move { watching.await.unwrap_or_default() });
    }
    ::metrics::gauge!("redeemq_routes_silent").set(0.0);
    let ages = InFlightAges::measured_by(&gauges);
    let common = Context {
        source: Source::Common,
        settings,
        store,
        publishers,
        max_message_size: MaxMessageSize::default(),
        route_circuits: Arc::default(),
        in_flight_age: ages.add(),
        traces,
    };
    let Some(lanes) = stop.run_until_cancelled(set_up_lanes(&common.settings)).await else {
        return Ok(());
    };
    let numbered = (1..=lanes?).map(Source::Lane);
    for source in [Source::Common, Source::DeadLetters].into_iter().chain(numbered) {
        let in_flight_age = ages.add();
        let context = Arc::new(Context { source, in_flight_age, ..common.clone() });
        running.spawn(lane::supervise(context, stop.clone()));
    }
    running.join_all().await;
    Ok(())
}

/// Sets the number of lanes, if one is given, once the broker is available; returns how many there are.
async fn set_up_lanes(settings: &Settings) -> anyhow::Result<u16> {
    let mut pauses = Pauses::new();
    loop {
        match try_set_up_lanes(settings).await {
            Ok(lanes) => return Ok(lanes),
            Err(error @ (BrokerError::NoHashExchange | BrokerError::Topology { .. })) => {
                return Err(error.into());
            }
            Err(error) => {
                tracing::warn!(%error, "broker unavailable; retrying");
                tokio::time::sleep(pauses.draw()).await;
            }
        }
    }
}

async fn try_set_up_lanes(settings: &Settings) -> broker::Result<u16> {
    let connection = broker::connect(&settings.amqp_url, "redeemq worker: lanes").await?;
    let setting_up = async {
        if let Some(lanes) = settings.lanes {
            broker::topology::declare(&connection, settings.queue_bytes_max).await?;
            lanes::lay_out(&connection, lanes, settings.queue_bytes_max).await?;
        }
        let count = lanes::count(&connection).await?;
        count.ok_or_else(|| BrokerError::Hidden(lanes::name(1)))
    };
    let lanes = setting_up.await;
    broker::close(connection).await;
    lanes
}
