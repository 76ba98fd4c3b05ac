//! A worker without its broker waits: it neither spins nor gives up.

use crate::node::shared;
use harness::{Proxy, Role, eventually};
use std::time::{Duration, Instant};

/// Of one processor.
const SHARE_MAX: f64 = 0.1;

async fn waits(begin: fn(&Proxy)) {
    let (node, _turn) = shared().await;
    let site = node.site().await;
    let line = Proxy::before(&format!("{}?heartbeat=2", site.amqp_url)).await;
    let worker = site.start(Role::Worker, &[("AMQP_URL", &line.url)]).await;
    begin(&line);
    let lost = async || worker.metric("redeemq_sessions_lost_total", "").await;
    eventually("it has lost its broker", async || lost().await >= 1.0).await;

    let (begun, cpu) = (Instant::now(), worker.cpu());
    eventually("it tries again", async || {
        begun.elapsed() > Duration::from_secs(4) && lost().await >= 2.0
    })
    .await;
    let spent = (worker.cpu() - cpu).as_secs_f64() / begun.elapsed().as_secs_f64();
    assert!(spent < SHARE_MAX, "{spent} of a processor");
    assert_eq!(worker.metric("redeemq_lanes_consuming", "").await, 0.0);
    let tries = begun.elapsed().as_secs_f64() / 0.05;
    assert!(lost().await < tries / 4.0, "{} tries in {:?}", lost().await, begun.elapsed());

    line.mend();
    eventually("it consumes again", async || {
        worker.metric("redeemq_lanes_consuming", "").await == 1.0
    })
    .await;
    site.close().await;
}

#[tokio::test]
async fn a_worker_whose_connections_are_refused_does_not_spin_and_counts_its_tries() {
    waits(Proxy::refuse).await;
}

#[tokio::test]
async fn a_worker_whose_broker_is_silent_does_not_spin_and_counts_its_tries() {
    waits(Proxy::freeze).await;
}
