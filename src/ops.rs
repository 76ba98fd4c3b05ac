//! What operators ask a process: is it alive, is it ready, what does it count.

use axum::Router;
use axum::routing::get;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// How long a stopping server waits for the answers that are under way.
const GRACE: Duration = Duration::from_secs(5);
/// Without it histograms grow without bound.
const UPKEEP_EVERY: Duration = Duration::from_secs(5);
/// From one millisecond to a minute.
const SECONDS: [f64; 14] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0];
const JOBS: [f64; 10] = [1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0, 200.0, 350.0, 500.0];

/// Installs the recorder that all metrics of the process go to.
///
/// # Errors
/// When one is installed already.
pub fn install_metrics() -> anyhow::Result<PrometheusHandle> {
    Ok(PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)?
        .set_buckets_for_metric(Matcher::Suffix("_jobs".to_owned()), &JOBS)?
        .install_recorder()?)
}

/// Serves `/metrics` and `/livez` on an address of their own until told to stop.
///
/// # Errors
/// When the address can't be bound.
pub async fn run(
    address: SocketAddr,
    metrics: PrometheusHandle,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let listener = TcpListener::bind(address).await.map_err(|error| {
        anyhow::anyhow!("REDEEMQ_METRICS_ADDR: can't listen on {address}: {error}")
    })?;
    tracing::info!(address = %listener.local_addr()?, "serving metrics");
    let upkeep = metrics.clone();
    let ended = stop.clone();
    tokio::spawn(ended.run_until_cancelled_owned(async move {
        loop {
            tokio::time::sleep(UPKEEP_EVERY).await;
            upkeep.run_upkeep();
        }
    }));
    let router = Router::new()
        .route("/livez", get(alive))
        .route("/metrics", get(async move || metrics.render()));
    serve(listener, router, stop).await
}

/// The process answers: that is all it says.
pub async fn alive() -> &'static str {
    "alive\n"
}

/// Serves until told to stop; then until the last answer, but no longer than the grace: an idle
/// connection would hold a graceful shutdown for ever.
///
/// # Errors
/// When the listener fails.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let stopped = stop.clone().cancelled_owned();
    let serving = async { axum::serve(listener, router).with_graceful_shutdown(stopped).await };
    tokio::select! {
        served = serving => Ok(served?),
        () = async { stop.cancelled().await; tokio::time::sleep(GRACE).await } => Ok(()),
    }
}
