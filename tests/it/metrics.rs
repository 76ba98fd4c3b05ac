//! What ops see, as far as no other test brings it about.

mod stock;
mod table;

use harness::{Bench, Process, Request, Role, eventually, mug, with_mugs};

const SOON: (&str, &str) = ("REDEEMQ_LOOK_EVERY_SECONDS", "1");

async fn is(process: &Process, metric: &str, labels: &str, value: f64) {
    let what = format!("{metric} {labels} is {value}");
    eventually(&what, async || process.metric(metric, labels).await == value).await;
}

#[tokio::test]
async fn an_ingress_tells_how_full_the_queues_are_and_that_nobody_takes_from_them() {
    let site = with_mugs().await;
    let ingress = site.start(Role::Ingress, &[SOON]).await;
    let bench = Bench::open(&site.amqp_url).await;
    let (requests, dead) = ("queue=\"redeem.requests\"", "queue=\"redeem.dead\"");
    is(&ingress, "redeemq_queue_consumers", requests, 0.0).await;
    is(&ingress, "redeemq_gates_open", "", 2.0).await;
    bench.publish_all(&[mug("acme"), mug("acme"), mug("acme")]).await;
    is(&ingress, "redeemq_queue_messages", requests, 3.0).await;

    let worker = site.start(Role::Worker, &[SOON]).await;
    bench.publish(&Request::raw(b"no job")).await;
    is(&ingress, "redeemq_queue_messages", requests, 0.0).await;
    is(&ingress, "redeemq_queue_consumers", requests, 1.0).await;
    is(&ingress, "redeemq_queue_messages", dead, 1.0).await;
    is(&worker, "redeemq_queue_messages", dead, 1.0).await;
    let notices = "queue=\"redeem.dead.notices\"";
    is(&ingress, "redeemq_queue_messages", notices, 0.0).await;
    is(&ingress, "redeemq_queue_consumers", notices, 1.0).await;
    is(&worker, "redeemq_dead_total", "reason=\"undecodable\"", 1.0).await;

    worker.kill();
    is(&ingress, "redeemq_queue_consumers", requests, 0.0).await;
    site.close().await;
}

#[tokio::test]
async fn the_use_of_pools_and_of_the_process_is_told() {
    let site = with_mugs().await;
    let process = site.serve().await;
    let used = "state=\"used\"";
    for (pool, most) in [
        ("results", 264.0),
        ("requests", 2.0),
        ("ingress_database", 8.0),
        ("worker_database", 69.0),
    ] {
        let pool = format!("pool=\"{pool}\"");
        assert_eq!(process.metric("redeemq_pool_connections_max", &pool).await, most, "{pool}");
    }
    // For the common lane, and for what the broker dead-letters itself.
    for (pool, connections) in [("results", 2.0), ("requests", 2.0)] {
        let labels = format!("pool=\"{pool}\",{used}");
        is(&process, "redeemq_pool_connections", &labels, connections).await;
    }
    let memory = process.metric("process_resident_memory_bytes", "").await;
    assert!((0.5..2.0).contains(&(memory / process.memory() as f64)), "{memory}");
    assert!(process.metric("process_open_fds", "").await > 10.0);
    let mut held = site.store.begin().await.expect("a transaction");
    sqlx::query("select from goods for update").fetch_all(&mut *held).await.expect("held");
    Bench::open(&site.amqp_url).await.publish(&mug("acme")).await;
    is(&process, "redeemq_lane_busy", "lane=\"common\"", 1.0).await;
    let labels = format!("pool=\"worker_database\",{used}");
    eventually("a connection of the worker is used", async || {
        process.metric("redeemq_pool_connections", &labels).await >= 1.0
    })
    .await;
    eventually("the job grows old", async || {
        process.metric("redeemq_oldest_job_age_seconds", "").await > 1.0
    })
    .await;
    held.rollback().await.expect("let go");
    is(&process, "redeemq_lane_busy", "lane=\"common\"", 0.0).await;
    is(&process, "redeemq_oldest_job_age_seconds", "", 0.0).await;
    site.close().await;
}
