//! What operators ask a process: is it alive, is it ready, what does it count.

use crate::server::{self, Bounds};
use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Scrapers and probes are few, and whoever floods this address shall not take the ingress's files.
const BOUNDS: Bounds =
    Bounds { name: "metrics", connections_max: 32, idle_max: Duration::from_secs(75) };
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
        .route("/livez", get(server::alive))
        .route("/metrics", get(async move || metrics.render()));
    let full = Router::new().fallback(async || (StatusCode::SERVICE_UNAVAILABLE, "full\n"));
    server::serve(listener, router, full, BOUNDS, stop).await;
    Ok(())
}
