//! A flood is decided by the batch, a lone job at once. Counted rather than timed where that says
//! the same: these are debug builds on a machine with other work.

use harness::{Bench, Request, Role, Site, Tally, eventually};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

async fn with_campaign() -> (Site, Bench) {
    let site = Site::with_clients().await;
    site.goods("@cola", "goods_id,name,price\ncola,Cola,\n");
    let bench = Bench::open(&site.amqp_url).await;
    bench.declare().await;
    (site, bench)
}

fn cola(job: usize) -> Request {
    let player = format!("p{}", job % 9 + 1);
    Request::new("acme", "sponsor", &json!({"goods_id": "cola", "player_id": player, "amount": 1}))
}

#[tokio::test]
async fn a_backlog_on_one_goods_row_is_decided_in_batches() {
    let (site, bench) = with_campaign().await;
    let mut results = bench.results("#").await;
    let jobs: Vec<Request> = (0..5_000).map(cola).collect();
    bench.publish_all(&jobs).await;
    let worker = site.start(Role::Worker, &[]).await;
    Tally::of(&jobs).read_all(&bench, &mut results).await;

    let decided = worker.metric("redeemq_batch_jobs_sum", "").await;
    let batches = worker.metric("redeemq_batch_jobs_count", "").await;
    assert_eq!(decided, 5_000.0);
    // One line a batch, and none a job.
    eventually("the log tells of all", async || {
        let lines = worker.all_logged("decided", "jobs");
        assert!(lines.len() as f64 <= batches, "{} lines, {batches} batches", lines.len());
        lines.iter().filter_map(Value::as_u64).sum::<u64>() == 5_000
    })
    .await;
    assert!(decided / batches >= 20.0, "{decided} jobs in {batches} batches");
    assert_eq!(site.number("select granted from goods").await, 5_000);
    site.close().await;
}

#[tokio::test]
async fn a_lone_job_waits_for_no_company() {
    let (site, bench) = with_campaign().await;
    let mut results = bench.results("#").await;
    let worker = site.start(Role::Worker, &[]).await;
    let mut took = Vec::new();
    for job in 0..21 {
        let begun = Instant::now();
        bench.publish(&cola(job)).await;
        results.next().await;
        took.push(begun.elapsed());
    }
    took.sort_unstable();
    assert!(took[10] < Duration::from_millis(100), "{took:?}");
    assert_eq!(worker.metric("redeemq_batch_jobs_count", "").await, 21.0);
    assert_eq!(worker.metric("redeemq_batch_seconds_count", "").await, 21.0);
    for step in ["load", "decide", "persist", "commit", "publish"] {
        let labels = format!("step=\"{step}\"");
        assert_eq!(worker.metric("redeemq_step_seconds_count", &labels).await, 21.0, "{step}");
    }
    let published = worker.metric("redeemq_decided_to_published_seconds_count", "").await;
    assert_eq!(published, 21.0);
    let decided = worker.metric("redeemq_accepted_to_decided_seconds_count", "").await;
    assert_eq!(decided, 21.0);
    site.close().await;
}
