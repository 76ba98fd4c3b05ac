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
//! somebody else holds, [`suspects`] those that may be at fault, and [`undertaker`] buries; [`laggards`]
//! waits for queues that confirm nothing; any other fault of the broker ends the [`lane`]'s session, and a
//! new one begins with new connections.

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
pub mod suspects;
pub mod trials;
pub mod undertaker;
pub mod waiting;

use crate::broker;
use crate::broker::message::Bound;
use crate::domain::decide::Rules;
use crate::wire;
use secrecy::SecretString;
use silent::SilentRoutes;
use sqlx::PgPool;
use std::sync::Arc;
use time::Duration;
use tokio_util::sync::CancellationToken;

/// Most jobs in a batch. Measured on 2 cores (the table in README.md): above it, a crash costs more and
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
    /// Jobs accepted longer ago are refused.
    pub age_max: Option<Duration>,
}

/// What every step of a lane needs.
pub struct Context {
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
pub async fn run(settings: Settings, store: PgPool, stop: CancellationToken) -> anyhow::Result<()> {
    let publishers = broker::pool(&settings.amqp_url, "redeemq worker: results", 4)?;
    let (bound, silent) = (Bound::default(), Arc::default());
    let context = Arc::new(Context { settings, store, publishers, bound, silent });
    lane::supervise(context, stop).await;
    Ok(())
}
