//! What AMQP tells, without the management API.

use super::{Said, ask, assert_refused, doctor};
use harness::{Bench, Proxy, Request, Site, site::management};
use lapin::types::AMQPValue;
use reqwest::Method;
use serde_json::{Value, json};

/// No management API is named.
const AMQP_ONLY: [(&str, &str); 1] = [("RABBITMQ_MANAGEMENT_URL", "")];

fn by_amqp(site: &Site) -> Said {
    ask(site, &AMQP_ONLY, &[])
}

/// What the request queue is declared with, one argument changed (or, by null, left out).
fn arguments(name: &str, value: Value) -> Value {
    let mut all = json!({
        "x-queue-type": "quorum", "x-max-length-bytes": 268_435_456, "x-overflow": "reject-publish",
        "x-delivery-limit": 100, "x-dead-letter-exchange": "redeem.requests.spare",
        "x-dead-letter-strategy": "at-least-once",
    });
    match value {
        Value::Null => _ = all.as_object_mut().expect("a table").remove(name),
        value => all[name] = value,
    }
    all
}

async fn replace_queue(site: &Site, arguments: Value) {
    let path = format!("queues/{}/redeem.requests", site.name);
    management(Method::DELETE, &path, None).await.expect("deleted");
    let queue = json!({"durable": true, "arguments": arguments});
    management(Method::PUT, &path, Some(queue)).await.expect("declared");
}

/// Not by the exchange, which the queue need not be bound to.
async fn put_into_queue(bench: &Bench) {
    bench.put("redeem.requests", &Request::raw(b"a job")).await;
}

#[tokio::test]
async fn a_queue_with_another_argument_is_fatal_and_no_worker_touches_its_jobs() {
    for (argument, value, words) in [
        ("x-overflow", json!("drop-head"), "'drop-head'"),
        ("x-dead-letter-strategy", json!("at-most-once"), "'at-most-once'"),
        ("x-dead-letter-strategy", Value::Null, "none"),
        ("x-delivery-limit", json!(5), "'5'"),
        ("x-max-length-bytes", json!(4000), "REDEEMQ_QUEUE_BYTES"),
        ("x-dead-letter-exchange", json!("elsewhere"), "'elsewhere'"),
        ("x-message-ttl", json!(60_000), "expire undecided"),
    ] {
        let site = Site::open().await;
        let bench = Bench::open(&site.amqp_url).await;
        bench.declare().await;
        replace_queue(&site, arguments(argument, value)).await;
        put_into_queue(&bench).await;

        let said = by_amqp(&site);
        said.assert("fatal", &["queue redeem.requests", argument, words, "delete it"]);
        assert_eq!(said.of("fatal").len(), 1, "{}", said.report);
        assert_eq!(said.status, Some(1));
        assert_refused(&site, &AMQP_ONLY, &["queue redeem.requests", argument, words]).await;
        assert_eq!(bench.depth("redeem.requests").await, 1, "{argument}");
        site.close().await;
    }
}

#[tokio::test]
async fn a_classic_queue_under_our_name_is_fatal() {
    let site = Site::open().await;
    let bench = Bench::open(&site.amqp_url).await;
    bench.queue("redeem.requests", None, &[]).await;
    put_into_queue(&bench).await;
    by_amqp(&site)
        .assert("fatal", &["queue redeem.requests", "exists with other arguments", "delete it"]);
    let said = doctor(&site);
    // RabbitMQ 4 tells the type of a classic queue; before, that was the type of a queue without one.
    said.assert("fatal", &["queue redeem.requests", "x-queue-type is ", " and not \"quorum\""]);
    said.assert("fatal", &["queue redeem.requests", "x-overflow is not set", "start a worker"]);
    assert_refused(
        &site,
        &AMQP_ONLY,
        &["redeem.requests", "nothing new comes into it", "delete it"],
    )
    .await;
    assert_eq!(bench.depth("redeem.requests").await, 1);
    site.close().await;
}

#[tokio::test]
async fn an_exchange_without_its_alternate_or_of_another_kind_is_fatal() {
    let site = Site::open().await;
    let bench = Bench::open(&site.amqp_url).await;
    bench.declare().await;
    for (exchange, kind, words) in [
        ("redeem.requests", "topic", "alternate-exchange"),
        ("redeem.results", "fanout", "inequivalent arg 'type'"),
    ] {
        let path = format!("exchanges/{}/{exchange}", site.name);
        management(Method::DELETE, &path, None).await.expect("deleted");
        let other = json!({"type": kind, "durable": true});
        management(Method::PUT, &path, Some(other)).await.expect("declared");
        by_amqp(&site).assert("fatal", &["exchange", exchange, words, "delete it"]);
        assert_refused(&site, &AMQP_ONLY, &["exchange", exchange, words]).await;
    }
    site.close().await;
}

#[tokio::test]
async fn what_is_missing_is_told_and_not_declared_by_looking() {
    let site = Site::open().await;
    let bench = Bench::open(&site.amqp_url).await;
    bench.declare().await;
    let results = format!("exchanges/{}/redeem.results", site.name);
    management(Method::DELETE, &results, None).await.expect("deleted");
    let spare = format!("queues/{}/redeem.requests.spare", site.name);
    management(Method::DELETE, &spare, None).await.expect("deleted");
    for _ in 0..2 {
        let said = by_amqp(&site);
        said.assert("warning", &["exchange redeem.results is missing", "Start a worker"]);
        said.assert("warning", &["queue redeem.requests.spare is missing", "Start a worker"]);
        assert!(said.of("fatal").is_empty(), "{}", said.report);
    }
    let _worker = site.serve().await;
    assert!(!doctor(&site).text.contains("is missing"));
    site.close().await;
}

#[tokio::test]
async fn looking_takes_no_message_and_publishes_none() {
    let site = Site::open().await;
    let bench = Bench::open(&site.amqp_url).await;
    bench.declare().await;
    bench.queue("everything", Some("#"), &[]).await;
    bench.queue("letters", None, &[("x-queue-type", AMQPValue::LongString("quorum".into()))]).await;
    bench.publish(&Request::raw(b"a job")).await;
    by_amqp(&site).assert("warning", &["1 jobs wait in redeem.requests", "Start a worker"]);
    for queue in ["everything", "redeem.dead", "redeem.requests.spare"] {
        assert_eq!(bench.depth(queue).await, 0, "{queue}");
    }
    let job = bench.pop("redeem.requests").await.expect("the job");
    let attempts = job.header("x-delivery-count");
    assert!(["", "0"].contains(&attempts.as_str()), "it was charged with {attempts} attempts");
    site.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_is_too_old_is_fatal_and_newer_ones_count_other_things() {
    let site = Site::open().await;
    let bench = Bench::open(&site.amqp_url).await;
    bench.declare().await;
    bench.publish(&Request::raw(b"a job")).await;
    let overview = management(Method::GET, "overview", None).await.expect("an answer");
    let overview: Value = overview.json().await.expect("JSON");
    let version = overview["rabbitmq_version"].as_str().expect("a version").to_owned();
    by_amqp(&site).assert("ok", &["RabbitMQ", &version]);

    // The same broker, which calls itself by another version of the same length.
    let of_length = |start: &str| start.to_owned() + &"1".repeat(version.len() - start.len());
    let (old, new) = (of_length("3.9."), of_length("4.3."));
    let line = Proxy::translating(&site.amqp_url, &version, &new).await;
    let said = ask(&site, &[AMQP_ONLY[0], ("AMQP_URL", &line.url)], &[]);
    said.assert("ok", &[&new, "only rejects and lost consumers count"]);
    let line = Proxy::translating(&site.amqp_url, &version, &old).await;
    let environment = [AMQP_ONLY[0], ("AMQP_URL", line.url.as_str())];
    let said = ask(&site, &environment, &[]);
    said.assert("fatal", &[&old, "older than 3.10", "Upgrade the broker"]);
    assert_refused(&site, &environment, &[&old, "older than 3.10"]).await;
    assert_eq!(bench.depth("redeem.requests").await, 1);
    site.close().await;
}

#[tokio::test]
async fn servers_that_are_away_are_told_as_such_and_so_is_what_was_left_out() {
    let site = Site::open().await;
    let away = [
        AMQP_ONLY[0],
        ("AMQP_URL", "amqp://guest:the-password@127.0.0.1:1/%2f"),
        ("DATABASE_URL", "postgres://me:the-password@127.0.0.1:1/x"),
    ];
    let said = ask(&site, &away, &[]);
    assert_eq!(said.status, Some(2));
    assert_eq!(said.report["ok"], false);
    assert!(said.left_out("rest of the broker") && said.left_out("rest of the database"));
    assert!(
        said.text.contains("that AMQP_URL is right")
            && said.text.contains("that DATABASE_URL is right")
    );
    assert!(!said.text.contains("the-password"), "{}", said.text);
    let said = by_amqp(&site);
    assert!(said.left_out("policies") && said.text.contains("set RABBITMQ_MANAGEMENT_URL"));
    assert_eq!(said.status, Some(1), "what nobody asked for is no fault: {}", said.report);
    site.close().await;
}
