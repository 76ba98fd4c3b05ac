//! Puts the parts together, and takes them down in order.

use crate::admin::doctor::{self, Role as Part};
use crate::admin::output::{Output, line};
use crate::broker::topology::lanes::LANES_MAX;
use crate::config::{Command, Config};
use crate::gauges::Gauges;
use crate::store::{self, Role};
use crate::traces::Traces;
use crate::{admin, ingress, ops, telemetry, worker};
use sqlx::PgPool;
use std::io::IsTerminal as _;
use std::process::ExitCode;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Connections of a worker: one batch in the database, looks into the ledger beside it, and one for
/// the stock of watched goods.
const WORKER_CONNECTIONS: u32 = 5;
/// Connections of a worker for each of its lanes: one batch in the database.
const LANE_CONNECTIONS: u32 = 1;
/// Connections of an ingress: `/Auth` and the status of jobs.
const INGRESS_CONNECTIONS: u32 = 8;
/// From SIGTERM to the end, whatever hangs.
const STOP_MAX: Duration = Duration::from_millis(9_500);

/// Does what the command line asks, to its end.
///
/// It waits here, not in the binary: futures are compiled where they are polled, and these are most of
/// the program.
///
/// # Errors
/// Each says what the reader can do.
pub fn run(command: Command, config: Config) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(execute(command, config))
}

async fn execute(command: Command, config: Config) -> anyhow::Result<ExitCode> {
    match command {
        Command::Migrate => {
            store::migrate(&pool(&config, Role::Admin, 1)?).await?;
            let done = serde_json::json!({"migrated": true});
            let text = |_: &_| vec![line(["the schema is up to date"])];
            Output::stdio(config.json).result(&done, text)?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Serve => serve(&config, true, true).await,
        Command::Ingress => serve(&config, true, false).await,
        Command::Worker => serve(&config, false, true).await,
        Command::Doctor(command) => {
            let settings = doctor_settings(&config, command.role)?;
            Box::pin(doctor::run(settings, &mut Output::stdio(config.json))).await
        }
        Command::Top(command) => {
            let settings = config.top(command, std::io::stdout().is_terminal());
            // A line of the log in the middle of the screen helps nobody: it shows what is wrong itself.
            let _hushed = settings.live.then(telemetry::hush);
            let stop = async { drop(stop_signal().await) };
            Box::pin(admin::top::run(settings, stop, &mut Output::stdio(config.json))).await
        }
        Command::Dead(command) => {
            let store = pool(&config, Role::Admin, 2)?;
            let mut output = Output::stdio(config.json);
            admin::dead::run(command, config.amqp_url()?, &store, &mut output).await
        }
        Command::Admin(command) => {
            let store = pool(&config, Role::Admin, 2)?;
            // Only the PINs of branches need secrets; their command says so where they are missing.
            let secrets = config.secret.is_some().then(|| config.secrets()).transpose()?;
            let mut output = Output::stdio(config.json);
            admin::run(command, &store, secrets.as_ref(), &mut output).await
        }
    }
}

fn pool(config: &Config, role: Role, connections_max: u32) -> anyhow::Result<PgPool> {
    Ok(store::pool(config.database_url()?, role, connections_max)?)
}

fn doctor_settings(config: &Config, part: Part) -> anyhow::Result<doctor::Settings> {
    let audit = u32::from(config.audit_every_seconds.is_some());
    let worker = WORKER_CONNECTIONS + config.lanes.map_or(0, u32::from) * LANE_CONNECTIONS;
    let connections = match part {
        Part::Serve => INGRESS_CONNECTIONS + worker + audit,
        Part::Ingress => INGRESS_CONNECTIONS,
        Part::Worker => worker + audit,
    };
    Ok(config.doctor(part, connections)?)
}

async fn serve(config: &Config, with_ingress: bool, with_worker: bool) -> anyhow::Result<ExitCode> {
    let gauges = Gauges::default();
    let metrics = ops::Metrics::install(gauges.clone(), with_ingress, with_worker)?;
    // Secrets are asked of a worker as well: it is told of a missing one now, not at a rotation.
    let secrets = config.secrets()?;
    let (traces, exporting) = match config.collector.traces() {
        Some(settings) => Traces::begin(&settings).map(|(traces, way)| (traces, Some(way)))?,
        None => (Traces::default(), None),
    };
    let stop = CancellationToken::new();
    let mut parts = JoinSet::new();
    parts.spawn(ops::run(config.metrics_addr, metrics, stop.clone()));
    if let Some(every) = config.look_every() {
        let watching = ops::queues::watch(config.amqp_url()?.clone(), every);
        spawn(&mut parts, stop.clone().run_until_cancelled_owned(watching));
    }
    if with_ingress {
        let store = pool(config, Role::Ingress, INGRESS_CONNECTIONS)?;
        let (settings, gauges) = (config.ingress()?, gauges.clone());
        let running = ingress::run(settings, secrets, store, gauges, traces.clone(), stop.clone());
        parts.spawn(running);
    }
    if let Some(seconds) = config.audit_every_seconds.filter(|_| with_worker) {
        let books = pool(config, Role::Admin, 1)?;
        let every = Duration::from_secs(seconds.into());
        let watching = stop.clone().run_until_cancelled_owned(admin::audit::watch(books, every));
        spawn(&mut parts, watching);
    }
    if with_worker {
        // They are opened when needed: lanes that are not given may be found at the broker.
        let lanes = u32::from(config.lanes.unwrap_or(LANES_MAX));
        let store = pool(config, Role::Worker, WORKER_CONNECTIONS + lanes * LANE_CONNECTIONS)?;
        let part = if with_ingress { Part::Serve } else { Part::Worker };
        let examined = doctor_settings(config, part)?;
        parts.spawn(work(config.worker()?, store, gauges, traces, examined, stop.clone()));
    }
    let ended = tokio::select! {
        signal = stop_signal() => { tracing::info!(signal = signal?, "stopping"); Ok(()) }
        ended = parts.join_next() => ended.map_or(Ok(()), |part| part?),
    };
    stop.cancel();
    let deadline = Instant::now() + STOP_MAX;
    let all = async { while parts.join_next().await.is_some() {} };
    if tokio::time::timeout_at(deadline, all).await.is_err() {
        tracing::warn!("not everything ended in time; what is unsettled will be delivered again");
    }
    if let Some(exporting) = exporting {
        exporting.finish(deadline).await;
    }
    ended.map(|()| ExitCode::SUCCESS)
}

/// A part that goes on until it is told to stop.
fn spawn(
    parts: &mut JoinSet<anyhow::Result<()>>,
    part: impl Future<Output = Option<()>> + Send + 'static,
) {
    parts.spawn(async move {
        part.await;
        Ok(())
    });
}

/// A worker, once nothing fatal stands against it.
async fn work(
    settings: worker::Settings,
    store: PgPool,
    gauges: Gauges,
    traces: Traces,
    examined: doctor::Settings,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let examining = Box::pin(doctor::start::examine(&examined));
    match stop.run_until_cancelled(examining).await {
        None => return Ok(()),
        Some(fit) => fit?,
    }
    worker::run(settings, store, gauges, traces, stop).await
}

async fn stop_signal() -> std::io::Result<&'static str> {
    let (mut terminate, mut interrupt) =
        (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    })
}
