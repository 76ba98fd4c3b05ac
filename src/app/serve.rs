//! Starts the parts of a server, and stops them in order.

use super::stop;
use crate::admin::doctor::{self, Role as Process};
use crate::broker::topology::lanes::LANES_MAX;
use crate::config::ingress::IngressOptions;
use crate::config::server::Server;
use crate::config::worker::WorkerOptions;
use crate::gauges::Gauges;
use crate::server::Readiness;
use crate::store::{self, Role};
use crate::traces::Traces;
use crate::{admin, broker, ingress, ops, worker};
use sqlx::PgPool;
use std::process::ExitCode;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Database connections of a worker: one batch, reads of the ledger beside it, and one for the stock of
/// watched goods.
const WORKER_CONNECTIONS: u32 = 5;
/// Database connections of each of its lanes: one batch.
const LANE_CONNECTIONS: u32 = 1;
/// Database connections of an ingress: `/Auth` and the status of jobs.
const INGRESS_CONNECTIONS: u32 = 8;
/// From SIGTERM to the end, whatever hangs.
const STOP_MAX: Duration = Duration::from_millis(9_500);

type Parts = JoinSet<anyhow::Result<()>>;

/// Most connections to the database that a process opens.
pub(super) fn connections(process: Process, lanes: Option<u16>, audits: bool) -> u32 {
    let worker =
        WORKER_CONNECTIONS + lanes.map_or(0, u32::from) * LANE_CONNECTIONS + u32::from(audits);
    match process {
        Process::Serve => INGRESS_CONNECTIONS + worker,
        Process::Ingress => INGRESS_CONNECTIONS,
        Process::Worker => worker,
    }
}

pub(super) async fn run(
    server: &Server,
    ingress: Option<&IngressOptions>,
    worker: Option<&WorkerOptions>,
) -> anyhow::Result<ExitCode> {
    let gauges = Gauges::default();
    let metrics = ops::Metrics::install(gauges.clone(), ingress.is_some(), worker.is_some())?;
    let secrets = server.secret.required()?;
    tracing::info!(vhost = broker::connection::vhost(server.broker.url()?)?, "starting");
    let (traces, exporting) = match server.traces.settings() {
        Some(settings) => Traces::begin(&settings).map(|(traces, way)| (traces, Some(way)))?,
        None => (Traces::default(), None),
    };
    let stop = CancellationToken::new();
    let mut parts = JoinSet::new();
    let readiness = Readiness::of(ingress.is_some());
    let address = server.metrics.metrics_addr;
    parts.spawn(ops::run(address, metrics, readiness.clone(), stop.clone()));
    if let Some(every) = server.metrics.look_every() {
        let watching = ops::queues::watch(server.broker.url()?.clone(), every);
        spawn(&mut parts, stop.clone().run_until_cancelled_owned(watching));
    }
    if let Some(options) = ingress {
        let store = store::pool(
            server.database.url()?,
            Role::Ingress(server.statement_limit()),
            INGRESS_CONNECTIONS,
        )?;
        let settings = server.ingress(options)?;
        let (gauges, traces, stop) = (gauges.clone(), traces.clone(), stop.clone());
        parts.spawn(ingress::run(settings, secrets, store, gauges, traces, readiness, stop));
    }
    if let Some(options) = worker {
        let process = if ingress.is_some() { Process::Serve } else { Process::Worker };
        begin_worker(&mut parts, server, options, process, gauges, traces, stop.clone())?;
    }
    let ended = tokio::select! {
        signal = stop::signal() => { tracing::info!(signal = signal?, "stopping"); Ok(()) }
        ended = parts.join_next() => ended.map_or(Ok(()), |part| part?),
    };
    stop.cancel();
    let deadline = Instant::now() + STOP_MAX;
    let all = async { while parts.join_next().await.is_some() {} };
    if tokio::time::timeout_at(deadline, all).await.is_err() {
        tracing::warn!("stopped before all work was done; unacknowledged jobs are redelivered");
    }
    if let Some(exporting) = exporting {
        exporting.finish(deadline).await;
    }
    ended.map(|()| ExitCode::SUCCESS)
}

fn begin_worker(
    parts: &mut Parts,
    server: &Server,
    options: &WorkerOptions,
    process: Process,
    gauges: Gauges,
    traces: Traces,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let audit_every = options.audit_every();
    if let Some(every) = audit_every {
        let store = store::pool(server.database.url()?, Role::Admin, 1)?;
        let auditing = admin::audit::watch(store, every);
        spawn(parts, stop.clone().run_until_cancelled_owned(auditing));
    }
    // They are opened when needed: lanes that are not given may be found at the broker.
    let lanes = u32::from(options.lanes.unwrap_or(LANES_MAX));
    let connections_max = WORKER_CONNECTIONS + lanes * LANE_CONNECTIONS;
    let store = store::pool(
        server.database.url()?,
        Role::Worker(server.statement_limit()),
        connections_max,
    )?;
    let settings = server.worker(options)?;
    let expected = connections(process, options.lanes, audit_every.is_some());
    let preflight = server.preflight(options, process, expected)?;
    parts.spawn(work(settings, store, gauges, traces, preflight, stop));
    Ok(())
}

/// A part that goes on until it is told to stop.
fn spawn(parts: &mut Parts, part: impl Future<Output = Option<()>> + Send + 'static) {
    parts.spawn(async move {
        part.await;
        Ok(())
    });
}

/// A worker, once its preflight found nothing fatal.
async fn work(
    settings: worker::Settings,
    store: PgPool,
    gauges: Gauges,
    traces: Traces,
    preflight: doctor::Settings,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let examining = Box::pin(doctor::start::examine(&preflight));
    match stop.run_until_cancelled(examining).await {
        None => return Ok(()),
        Some(fit) => fit?,
    }
    worker::run(settings, store, gauges, traces, stop).await
}
