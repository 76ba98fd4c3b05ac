//! What operators ask a process: is it alive, is it ready, what does it count.

pub mod buckets;
pub mod catalogue;
pub mod queues;

use crate::gauges::Gauges;
use crate::server::{self, Bounds, Readiness, Routers};
use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use catalogue::Kind;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Scrapers and probes are few, and a flood of this address must not use up the ingress's open files.
const BOUNDS: Bounds = Bounds {
    name: "metrics",
    connections_max: 32,
    address_max: None,
    idle_max: Duration::from_secs(75),
};
/// Without it histograms grow without bound.
const UPKEEP_EVERY: Duration = Duration::from_secs(5);

/// All that the process counts and measures.
pub struct Metrics {
    recorder: PrometheusHandle,
    gauges: Gauges,
}

impl Metrics {
    /// Installs the recorder that all metrics of the process go to, and begins those of its parts.
    ///
    /// # Errors
    /// When one is installed already.
    pub fn install(gauges: Gauges, ingress: bool, worker: bool) -> anyhow::Result<Self> {
        let mut builder = PrometheusBuilder::new();
        for metric in catalogue::ALL {
            if let Kind::Histogram(buckets) = metric.kind {
                let name = Matcher::Full(metric.name.to_owned());
                builder = builder.set_buckets_for_metric(name, buckets.bounds())?;
            }
        }
        let recorder = builder.install_recorder()?;
        for metric in catalogue::ALL.iter().filter(|metric| metric.is_of(ingress, worker)) {
            metric.begin();
        }
        metrics::gauge!("redeemq_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
        let process = metrics_process::Collector::default();
        process.describe();
        gauges.add(move || process.collect());
        Ok(Self { recorder, gauges })
    }

    fn page(&self) -> String {
        self.gauges.measure();
        self.recorder.render()
    }
}

/// Serves `/metrics`, `/livez` and `/readyz` on an address of their own, where no crowd of callers is, until told to
/// stop.
///
/// # Errors
/// When the address can't be bound.
pub async fn run(
    address: SocketAddr,
    metrics: Metrics,
    readiness: Readiness,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let listener = TcpListener::bind(address).await.map_err(|error| {
        anyhow::anyhow!("REDEEMQ_METRICS_ADDR: cannot listen on {address}: {error}")
    })?;
    tracing::info!(address = %listener.local_addr()?, "serving metrics");
    let upkeep = metrics.recorder.clone();
    let keeping_up = async move {
        loop {
            tokio::time::sleep(UPKEEP_EVERY).await;
            upkeep.run_upkeep();
        }
    };
    let metrics = std::sync::Arc::new(metrics);
    let usual = Router::new()
        .route("/livez", get(server::alive))
        .route("/readyz", get(async move || ready(&readiness)))
        .route("/metrics", get(async move || metrics.page()));
    let full = Router::new().fallback(async || (StatusCode::SERVICE_UNAVAILABLE, "full\n"));
    let malformed = Router::new().fallback(async || (StatusCode::BAD_REQUEST, "Host: one\n"));
    let routers = Routers { usual, full, malformed };
    tokio::select! {
        () = server::serve(listener, routers, BOUNDS, stop) => Ok(()),
        () = keeping_up => Ok(()),
    }
}

fn ready(readiness: &Readiness) -> (StatusCode, &'static str) {
    match readiness.is_ready() {
        true => (StatusCode::OK, "ready\n"),
        false => (StatusCode::SERVICE_UNAVAILABLE, "not ready\n"),
    }
}
