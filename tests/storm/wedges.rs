//! Single messages that stopped a worker, or took their neighbours along. Each was found by a storm
//! or on the way to one.

use crate::raw_amqp::{RawProperties, RawPublisher};
use harness::{Bench, Process, Request, Role, Site, eventually, mug, with_mugs};
use lapin::types::{AMQPValue, FieldTable};
use serde_json::{Value, json};

fn with_header(request: Request, name: &str, value: AMQPValue) -> Request {
    let mut headers = FieldTable::default();
    headers.insert(name.into(), value);
    Request { properties: request.properties.clone().with_headers(headers), ..request }
}

async fn assert_nothing_was_lost(worker: &Process) {
    assert_eq!(worker.metric("redeemq_sessions_lost_total", "").await, 0.0, "{}", worker.text());
    assert!(!worker.text().contains("panicked"));
}

/// Publishes a request, and one after it: both must be decided, by a worker that goes on.
async fn assert_decided_without_harm(site: Site, request: Request) {
    let worker = site.start(Role::Worker, &[]).await;
    let bench = Bench::open(&site.amqp_url).await;
    let mut results = bench.results("#").await;
    for request in [request, mug("acme")] {
        bench.publish(&request).await;
        assert_eq!(results.of(&request).await.code(), "0000");
    }
    assert_nothing_was_lost(&worker).await;
    site.close().await;
}

#[tokio::test]
async fn a_forged_direct_reply_to_stops_nobody() {
    let site = with_mugs().await;
    let request = mug("acme").reply_to("amq.rabbitmq.reply-to.g2dk.x");
    assert_decided_without_harm(site, request).await;
}

#[tokio::test]
async fn a_dead_letter_with_a_forged_direct_reply_to_can_be_replayed() {
    let site = with_mugs().await;
    let worker = site.start(Role::Worker, &[]).await;
    let bench = Bench::open(&site.amqp_url).await;
    let mut results = bench.results("#").await;
    let decided = mug("acme");
    bench.publish(&decided).await;
    results.of(&decided).await;
    worker.terminate().await;
    // It was decided, and then tried too often: it lies there although it has an answer.
    bench.put("redeem.dead", &decided.clone().reply_to("amq.rabbitmq.reply-to.g2dk.x")).await;

    let replayed = site.json(&["dead", "replay", "--all"]);
    assert_eq!(replayed[0]["failed"], Value::Null, "{replayed}");
    assert!(results.of(&decided).await.is_replayed);
    assert_eq!(bench.depth("redeem.dead").await, 0);
    site.close().await;
}

#[tokio::test]
async fn a_traceparent_that_fills_a_frame_is_not_passed_on() {
    let long = AMQPValue::LongString("x".repeat(130_950).into());
    let request = with_header(mug("acme"), "traceparent", long);
    assert_decided_without_harm(with_mugs().await, request).await;
}

#[tokio::test]
async fn a_usual_traceparent_is_passed_on() {
    let site = with_mugs().await;
    let _worker = site.start(Role::Worker, &[]).await;
    let bench = Bench::open(&site.amqp_url).await;
    let mut results = bench.results("#").await;
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let request = with_header(mug("acme"), "traceparent", AMQPValue::LongString(trace.into()));
    bench.publish(&request).await;
    assert_eq!(results.of(&request).await.header("traceparent"), trace);
    site.close().await;
}

#[tokio::test]
async fn a_forged_count_of_deliveries_neither_kills_a_job_nor_the_worker() {
    for forged in [21, i64::MAX, i64::MIN] {
        let count = AMQPValue::LongLongInt(forged);
        let request = with_header(mug("acme"), "x-delivery-count", count);
        assert_decided_without_harm(with_mugs().await, request).await;
    }
}

#[tokio::test]
async fn a_death_in_somebody_elses_queue_is_no_attempt_of_ours() {
    let mut death = FieldTable::default();
    for (name, text) in [("queue", "orders"), ("reason", "delivery_limit")] {
        death.insert(name.into(), AMQPValue::LongString(text.into()));
    }
    let deaths = AMQPValue::FieldArray(vec![AMQPValue::FieldTable(death)].into());
    let request = with_header(mug("acme"), "x-death", deaths);
    assert_decided_without_harm(with_mugs().await, request).await;
}

#[tokio::test]
async fn what_a_broken_message_holds_is_not_in_the_log() {
    let site = with_mugs().await;
    let worker = site.start(Role::Worker, &[]).await;
    let bench = Bench::open(&site.amqp_url).await;
    let params =
        json!({"goods_group": "g", "coupon_code": "SECRET-CODE", "pin_hashes": {"k": "h"}});
    let verify = Request::new("acme", "verify", &params);
    let encoded_twice = Value::from(String::from_utf8(verify.body.clone()).expect("text"));
    let broken = [
        Request::raw(encoded_twice.to_string().as_bytes()),
        verify.clone().with("params", params.to_string().into()),
        verify.clone().with("v", "SECRET-CODE".into()),
        verify.with("operation", json!({"SECRET-CODE": ", expected SECRET-CODE"})),
    ];
    for message in &broken {
        bench.publish(message).await;
    }
    eventually("all but the params of another type is dead", async || {
        worker.metric("redeemq_results_total", "outcome=\"dead\"").await
            == broken.len() as f64 - 1.0
    })
    .await;
    let log = worker.text();
    for fault in ["field v is no number", "field operation is no text"] {
        assert!(log.contains(fault), "it tells what is wrong: {log}");
    }
    assert!(!log.contains("SECRET-CODE"), "{log}");
    site.close().await;
}

/// What client libraries that know texts as UTF-8 only can't read.
fn unreadable() -> [(&'static [u8], RawProperties); 3] {
    [
        (b"goods", RawProperties::message_id(b"Stra\xdfe")),
        (b"goods", RawProperties::header(b"gr\xf6\xdfe", b"7")),
        (b"\xff", RawProperties::message_id(b"m")),
    ]
}

#[tokio::test]
async fn a_message_that_no_client_can_read_is_put_aside_and_takes_no_neighbour_along() {
    let site = with_mugs().await;
    let bench = Bench::open(&site.amqp_url).await;
    bench.declare().await;
    let mut results = bench.results("#").await;
    let neighbours: Vec<Request> = (0..60).map(|_| mug("acme")).collect();
    let (before, after) = neighbours.split_at(30);
    bench.publish_all(before).await;
    let (key, properties) = &unreadable()[0];
    let mut raw = RawPublisher::open(&site.amqp_url);
    raw.publish("redeem.requests", key, properties, &mug("acme").body);
    bench.publish_all(after).await;
    // It alone has some attempts behind it, that the test need not wait for all of them.
    let mut holder = RawPublisher::open(&site.amqp_url);
    holder.hold("redeem.requests", before.len());
    raw.fail_at("redeem.requests", 70);
    drop(holder);
    let worker = site.start(Role::Worker, &[]).await;

    let mut tally = harness::Tally::of(&neighbours);
    tally.read(&mut results, 0).await;
    assert!(tally.answers().iter().all(|answer| answer["error_code"] == "0000"));
    assert_eq!(worker.metric("redeemq_dead_total", "").await, 0.0, "no neighbour is dead");
    site.audit();
    site.close().await;
}

#[tokio::test]
async fn in_a_lane_it_takes_no_neighbour_along_either() {
    let site = with_mugs().await;
    let bench = Bench::open(&site.amqp_url).await;
    let lanes = [("REDEEMQ_LANES", "2")];
    assert!(site.start(Role::Worker, &lanes).await.terminate().await.success());
    let mut results = bench.results("#").await;
    // By their one goods, all of them meet.
    let neighbours: Vec<Request> = (0..20).map(|_| mug("acme")).collect();
    let (before, after) = neighbours.split_at(10);
    bench.publish_all(before).await;
    let first_waits = bench.depth("redeem.requests.1").await > 0;
    let lane = if first_waits { "redeem.requests.1" } else { "redeem.requests.2" };
    let (_, properties) = &unreadable()[0];
    let mut raw = RawPublisher::open(&site.amqp_url);
    raw.publish("", lane.as_bytes(), properties, &mug("acme").body);
    eventually("it is behind them", async || bench.depth(lane).await == 11).await;
    bench.publish_all(after).await;

    let worker = site.start(Role::Worker, &[]).await;
    let mut tally = harness::Tally::of(&neighbours);
    tally.read(&mut results, 0).await;
    assert!(tally.answers().iter().all(|answer| answer["error_code"] == "0000"));
    assert_eq!(worker.metric("redeemq_dead_total", "").await, 0.0, "no neighbour is dead");
    let charged = worker.metric("redeemq_redelivered_total", "").await;
    assert!(charged < 100.0, "of the attempts at it, neighbours are charged with {charged}");
    site.audit();
    site.close().await;
}

#[tokio::test]
async fn a_message_that_no_client_can_read_ends_in_the_dead_queue_where_the_tool_says_what_to_do() {
    let site = with_mugs().await;
    let bench = Bench::open(&site.amqp_url).await;
    bench.declare().await;
    let mut raw = RawPublisher::open(&site.amqp_url);
    // The last attempts only, that the test need not wait for hundreds: from RabbitMQ 4.3 on those of the queue
    // before are counted along.
    let on_the_way = if site.broker.version().await < (4, 3) { 195 } else { 95 };
    for (key, properties) in unreadable() {
        raw.publish("redeem.requests.spare", key, &properties, &mug("acme").body);
        let mut others = RawPublisher::open(&site.amqp_url);
        others.fail_at("redeem.requests.spare", 101);
        others.fail_at("redeem.dead.notices", on_the_way);
        raw.hold("redeem.dead.notices", 1);
    }
    drop(raw);
    let _worker = site.start(Role::Worker, &[]).await;

    eventually("all are in the dead queue", async || bench.depth("redeem.dead").await == 3).await;
    let good = mug("acme");
    let mut results = bench.results("#").await;
    bench.publish(&good).await;
    assert_eq!(results.of(&good).await.code(), "0000");
    let looked = site.run(&["dead", "list"]);
    let complaint = String::from_utf8_lossy(&looked.stderr);
    assert_eq!(looked.status.code(), Some(2));
    assert!(complaint.contains("rabbitmqadmin"), "{complaint}");
    site.close().await;
}
