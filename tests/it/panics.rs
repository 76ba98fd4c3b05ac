//! A fault of our own outside of a job's decision: it is told, nobody is left without an answer, and what
//! has lost a part of itself does not go on as if it were whole.

use crate::outages;
use harness::{Bench, Role, mug, with_mugs};

const AT_THE_FIRST_WINDOW: (&str, &str) = ("REDEEMQ_CRASH", "after_publish:panic");

#[tokio::test]
async fn an_ingress_whose_publisher_panics_answers_and_ends() {
    let site = with_mugs().await;
    let process = site.start(Role::Ingress, &[AT_THE_FIRST_WINDOW]).await;
    let caller = site.caller(&process, "acme").await;

    let answer = caller.post("/Redeem/goods", &outages::mug()).await;
    assert_eq!(answer.said(), (503, "3003"), "{}", answer.text);
    assert_eq!(answer.body["response"]["accepted"], "unknown");
    let (status, log) = process.ended().await;
    assert_eq!(status.code(), Some(2), "whoever keeps it running shall start another");
    assert!(log.contains("an ingress task panicked"), "{log}");
    site.close().await;
}

#[tokio::test]
async fn a_worker_whose_publisher_panics_begins_another_session_and_decides_once() {
    let site = with_mugs().await;
    let process = site.start(Role::Worker, &[AT_THE_FIRST_WINDOW]).await;
    let bench = Bench::open(&site.amqp_url).await;
    let mut results = bench.results("#").await;

    let job = mug("acme");
    bench.publish(&job).await;
    assert_eq!(results.of(&job).await.code(), "0000");
    process.logged_because("lane lost its broker connection; reconnecting", "panicked").await;
    process.until_back().await;
    assert_eq!(site.number("select sum(granted)::bigint from goods").await, 1);
    site.audit();
    site.close().await;
}
