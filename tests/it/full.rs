//! P6: apart. A reader who doesn't empty his queue harms nobody but himself.

use harness::{Bench, Reader, Request, Role, eventually, mug, with_mugs};
use lapin::types::AMQPValue;
use std::time::{Duration, Instant};

/// Arguments of a queue that refuses what it has no room for.
fn room_for_one() -> [(&'static str, AMQPValue); 2] {
    let overflow = AMQPValue::LongString("reject-publish".into());
    [("x-max-length", AMQPValue::LongInt(1)), ("x-overflow", overflow)]
}

#[tokio::test]
async fn a_reply_queue_that_is_gone_or_full_holds_nothing_up() {
    let site = with_mugs().await;
    let process = site.serve().await;
    let bench = Bench::open(&site.amqp_url).await;
    let mut results = bench.results("acme.#").await;
    bench.queue("redeem.reply.full", None, &room_for_one()).await;
    let gone = ["redeem.reply.gone", "amq.rabbitmq.reply-to.garbage", "amq.rabbitmq.reply-to.g1h2"];
    let full = ["redeem.reply.full"; 3];
    for queue in gone.iter().chain(&full) {
        let request = mug("acme").reply_to(queue);
        bench.publish(&request).await;
        let result = results.next().await;
        assert_eq!((result.message_id, result.is_replayed), (request.job_id(), false), "{queue}");
    }
    eventually("all requests are settled", async || {
        process.metric("redeemq_results_total", "outcome=\"published\"").await == 6.0
    })
    .await;
    assert_eq!(process.metric("redeemq_replies_total", "outcome=\"gone\"").await, 3.0);
    assert_eq!(process.metric("redeemq_replies_total", "outcome=\"refused\"").await, 2.0);
    assert_eq!(process.metric("redeemq_replies_total", "outcome=\"published\"").await, 1.0);
    assert_eq!(process.metric("redeemq_sessions_lost_total", "").await, 0.0);
    site.close().await;
}

/// How long 200 jobs of zeta take, twenty at a time.
async fn two_hundred_jobs(bench: &Bench, results: &mut Reader) -> Duration {
    let begun = Instant::now();
    for _ in 0..10 {
        let jobs: Vec<Request> = (0..20).map(|_| mug("zeta")).collect();
        bench.publish_all(&jobs).await;
        results.take(20).await;
    }
    begun.elapsed()
}

#[tokio::test]
async fn a_full_results_queue_of_one_client_stops_nobody_else() {
    let site = with_mugs().await;
    // Far more jobs shall be stuck than one worker takes ahead.
    let process = site.start(Role::Serve, &[("REDEEMQ_BATCH_MAX", "50")]).await;
    let bench = Bench::open(&site.amqp_url).await;
    bench.queue("acme-results", Some("acme.#"), &room_for_one()).await;
    let mut results = bench.results("zeta.#").await;
    let usual = two_hundred_jobs(&bench, &mut results).await;

    let stuck: Vec<Request> = (0..300).map(|_| mug("acme")).collect();
    bench.publish_all(&stuck).await;
    let meanwhile = two_hundred_jobs(&bench, &mut results).await;
    assert!(meanwhile < usual * 4 + Duration::from_millis(500), "{meanwhile:?}, usually {usual:?}");

    eventually("the refused results are counted", async || {
        process.metric("redeemq_results_total", "outcome=\"refused\"").await == 299.0
    })
    .await;
    let published = process.metric("redeemq_results_total", "outcome=\"published\"").await;
    assert_eq!(published, 401.0);
    let caller = site.caller(&process, "acme").await;
    for request in [&stuck[0], &stuck[299]] {
        let status = caller.settled(&request.job_id()).await;
        assert_eq!(status.body["response"]["status"], "done");
        assert_eq!(status.body["response"]["result"]["error_code"], "0000");
    }
    assert_eq!(bench.depth("redeem.requests").await, 0);
    site.close().await;
}

#[tokio::test]
async fn a_results_queue_that_finds_room_in_time_gets_its_result() {
    let site = with_mugs().await;
    let process = site.serve().await;
    let bench = Bench::open(&site.amqp_url).await;
    bench.queue("acme-results", Some("acme.#"), &room_for_one()).await;
    let mut results = bench.results("zeta.#").await;
    let (first, second) = (mug("acme"), mug("acme"));
    bench.publish(&first).await;
    bench.publish(&second).await;
    // Published after both: its own result says that theirs were tried.
    bench.publish(&mug("zeta")).await;
    results.next().await;

    let popped = bench.pop("acme-results").await.expect("the first result");
    assert_eq!(popped.message_id, first.job_id());
    let mut readers = bench.read("acme-results").await;
    let late = readers.next().await;
    assert_eq!((late.message_id.clone(), late.is_replayed), (second.job_id(), false));
    assert_eq!(process.metric("redeemq_results_total", "outcome=\"refused\"").await, 0.0);
    site.close().await;
}
