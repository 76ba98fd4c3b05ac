//! Traces when something fails: a batch, a job, the collector.

use super::{NONE, Origin, traced};
use harness::collector::Collector;
use harness::{Bench, Request, Role, Tally, eventually, mug, with_mugs};
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use serde_json::json;
use std::time::{Duration, Instant};
use tokio::net::TcpListener;

#[tokio::test]
async fn a_batch_that_is_tried_again_tells_why() {
    let site = with_mugs().await;
    let collector = Collector::open().await;
    let worker = site.start(Role::Worker, &[collector.named(), NONE]).await;
    let bench = Bench::open(&site.amqp_url).await;
    let mut results = bench.results("#").await;
    site.tamper("alter table ledger rename to ledger_aside").await;
    let origin = Origin::new();
    bench.publish(&traced(mug("acme"), &origin.sampled())).await;
    worker.logged_containing("refuses every batch").await;
    site.tamper("alter table ledger_aside rename to ledger").await;
    assert_eq!(results.next().await.code(), "0000");

    collector.one(&origin.trace, "send redeem.results").await;
    let batches = || collector.all("process redeem.requests");
    eventually("the batch is told", async || batches().len() == 1).await;
    let batch = batches().remove(0);
    assert!(!batch.events.is_empty(), "{batch:?}");
    assert!(batch.events.iter().all(|why| why == "deployment"), "{batch:?}");
    drop(worker);
    site.close().await;
}

#[tokio::test]
async fn a_request_that_the_broker_does_not_take_is_an_error() {
    let site = with_mugs().await;
    let collector = Collector::open().await;
    let nobody = ("AMQP_URL", "amqp://guest:guest@127.0.0.1:1/none");
    let ingress = site.launch(Role::Ingress, &[collector.named(), nobody]).await;
    let caller = site.caller(&ingress, "acme").await;
    let params = json!({"goods_id": "mug", "player_id": "p1", "amount": 1});
    eventually("a job comes as far as the broker", async || {
        assert_eq!(caller.post("/Redeem/goods", &params).await.said(), (503, "3003"));
        !collector.all("send redeem.requests").is_empty()
    })
    .await;
    let sent = collector.all("send redeem.requests").remove(0);
    assert!(sent.is_error && sent.tells("error.type") == "refused", "{sent:?}");
    let asked = collector.one(&sent.trace, "POST /Redeem/goods").await;
    assert!(asked.is_error && asked.tells("error.type") == "503", "{asked:?}");
    drop(ingress);
    site.close().await;
}

#[tokio::test]
async fn a_dead_letter_is_an_error_in_its_jobs_trace() {
    let site = with_mugs().await;
    let collector = Collector::open().await;
    let worker = site.start(Role::Worker, &[collector.named(), NONE]).await;
    let bench = Bench::open(&site.amqp_url).await;
    let mut notices = bench.results("#").await;
    let origin = Origin::new();
    let request = mug("acme").with("operation", json!("refund"));
    bench.publish(&traced(request, &origin.sampled())).await;

    let buried = collector.one(&origin.trace, "send redeem.dead").await;
    assert_eq!((buried.parent.as_str(), buried.kind), (origin.span.as_str(), SpanKind::Producer));
    assert!(buried.is_error && buried.tells("error.type") == "undecodable", "{buried:?}");
    let notice = notices.next_of_any_kind().await;
    assert_eq!(notice.header("traceparent"), buried.traceparent());
    let letter = bench.pop("redeem.dead").await.expect("a dead letter");
    assert_eq!(letter.header("traceparent"), origin.sampled(), "it lies there as it came");
    drop(worker);
    site.close().await;
}

/// Longest time from SIGTERM to the end.
const STOP_MAX: Duration = Duration::from_secs(10);
/// More spans than wait for a collector.
const JOBS: usize = 3_000;

#[tokio::test]
async fn a_collector_that_hangs_holds_nothing_up() {
    let hanging = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", hanging.local_addr().expect("an address"));
    spans_are_lost(&url, "full").await;
    drop(hanging);
}

#[tokio::test]
async fn a_collector_that_is_away_holds_nothing_up() {
    let away = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", away.local_addr().expect("an address"));
    drop(away);
    spans_are_lost(&url, "refused").await;
}

/// They are counted, and jobs are decided and the process ends as if nothing were.
async fn spans_are_lost(collector: &str, why: &str) {
    let site = with_mugs().await;
    let bench = Bench::open(&site.amqp_url).await;
    bench.declare().await;
    let mut results = bench.results("#").await;
    let environment = [("OTEL_EXPORTER_OTLP_ENDPOINT", collector)];
    let process = site.start(Role::Serve, &environment).await;
    let requests: Vec<Request> = (0..JOBS).map(|_| mug("acme")).collect();
    bench.publish_all(&requests).await;
    Tally::of(&requests).read(&mut results, 0).await;
    let caller = site.caller(&process, "acme").await;
    let asked = Instant::now();
    let params = json!({"goods_id": "mug", "player_id": "p1", "amount": 1});
    assert_eq!(caller.decide("/Redeem/goods", &params).await.said(), (200, "0000"));
    assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());

    let labels = format!("why=\"{why}\"");
    eventually("spans are lost, and counted", async || {
        process.metric("redeemq_spans_lost_total", &labels).await > 0.0
    })
    .await;
    assert_eq!(process.metric("redeemq_spans_exported_total", "").await, 0.0);
    let complaints = process.text().matches("collector").count();
    assert!(complaints <= 1, "{complaints} lines about it");
    let told = Instant::now();
    assert!(process.terminate().await.success());
    assert!(told.elapsed() < STOP_MAX, "{:?}", told.elapsed());
    site.close().await;
}
