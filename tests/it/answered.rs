//! P4: answered. Every decision is published, and says whose answer it is; no queue of a reader
//! holds up the work for others.

use crate::harness::{Bench, Reader, Request, Site, eventually};
use lapin::types::AMQPValue;
use serde_json::json;
use std::time::{Duration, Instant};

const MUG: &str = "goods_id,name\nmug,Mug\n";

fn mug(client: &str) -> Request {
    let params = json!({"goods_id": "mug", "player_id": "p1", "amount": 1});
    Request::new(client, "goods", &params)
}

/// Arguments of a queue that refuses what it has no room for.
fn room_for_one() -> [(&'static str, AMQPValue); 2] {
    let overflow = AMQPValue::LongString("reject-publish".into());
    [("x-max-length", AMQPValue::LongInt(1)), ("x-overflow", overflow)]
}

async fn with_mugs() -> Site {
    let site = Site::with_clients().await;
    site.goods("acme", MUG);
    site.goods("zeta", MUG);
    site
}

#[tokio::test]
async fn a_result_goes_to_its_clients_route_and_says_what_became_of_which_job() {
    let site = with_mugs().await;
    let _process = site.serve().await;
    let bench = Bench::open(&site.amqp_url).await;
    let mut results = bench.results("#").await;
    let params = json!({"goods_id": "none", "player_id": "p1", "amount": 1});
    let refused = Request::new("zeta", "sponsor", &params);
    for (request, route, code) in
        [(mug("acme"), "acme.goods", "0000"), (refused, "zeta.sponsor", "0501")]
    {
        bench.publish(&request).await;
        let result = results.next().await;
        assert_eq!((result.routing_key.as_str(), result.code()), (route, code));
        assert_eq!(result.message_id, request.job_id());
        let mut fields: Vec<&String> = result.json.as_object().expect("an object").keys().collect();
        fields.retain(|field| *field != "refused_by");
        let mut expected = [
            "v",
            "job_id",
            "client_id",
            "operation",
            "accepted_at",
            "decided_at",
            "success",
            "error_code",
            "message",
            "response",
        ];
        fields.sort();
        expected.sort_unstable();
        assert_eq!(fields, expected);
        assert_eq!(result.json["v"], 1);
        assert_eq!(result.json["job_id"], request.job_id());
        assert_eq!(
            format!("{}.{}", text(&result.json["client_id"]), text(&result.json["operation"])),
            route
        );
        assert_eq!(result.json["success"], code == "0000");
    }
    site.close().await;
}

fn text(value: &serde_json::Value) -> &str {
    value.as_str().expect("a text")
}

#[tokio::test]
async fn each_message_gets_its_own_correlation_id_back_whatever_its_length() {
    let site = with_mugs().await;
    let _process = site.serve().await;
    let bench = Bench::open(&site.amqp_url).await;
    let mut results = bench.results("acme.#").await;
    let request = mug("acme");

    bench.publish(&request).await;
    assert_eq!(results.next().await.correlation_id, request.job_id());
    for length in [1, 200, 255] {
        let correlation = "c".repeat(length);
        bench.publish(&request.clone().correlated(&correlation)).await;
        let result = results.next().await;
        assert_eq!(result.correlation_id, correlation);
        assert_eq!(result.message_id, request.job_id());
        assert!(result.is_replayed);
    }
    site.close().await;
}

#[tokio::test]
async fn whoever_names_a_reply_queue_gets_the_very_bytes_of_the_result() {
    let site = with_mugs().await;
    let _process = site.serve().await;
    let bench = Bench::open(&site.amqp_url).await;
    let mut results = bench.results("acme.#").await;
    bench.queue("redeem.reply.mine", None, &[]).await;
    for queue in ["redeem.reply.mine", "amq.rabbitmq.reply-to"] {
        let mut replies = bench.read(queue).await;
        let request = mug("acme").reply_to(queue).correlated("mine");
        for is_replayed in [false, true] {
            bench.publish(&request).await;
            let (result, reply) = (results.next().await, replies.next().await);
            assert_eq!(reply.body, result.body);
            assert_eq!(reply.message_id, request.job_id());
            assert_eq!(reply.correlation_id, "mine");
            assert_eq!((reply.is_replayed, result.is_replayed), (is_replayed, is_replayed));
        }
    }
    site.close().await;
}

#[tokio::test]
async fn a_reply_to_that_is_no_reply_queue_is_ignored_and_counted() {
    let site = with_mugs().await;
    let process = site.serve().await;
    let bench = Bench::open(&site.amqp_url).await;
    let mut results = bench.results("acme.#").await;
    bench.queue("zeta-results", Some("zeta.#"), &[]).await;
    let others = ["zeta-results", "redeem.requests", "redeem.dead", "redeem.replies", "amq.other"];
    for queue in others {
        let request = mug("acme").reply_to(queue);
        bench.publish(&request).await;
        assert_eq!(results.next().await.message_id, request.job_id());
    }
    // Had one been followed, the worker would have met its own result as a request.
    bench.publish(&mug("acme")).await;
    results.next().await;
    assert_eq!(bench.depth("zeta-results").await, 0);
    assert_eq!(bench.depth("redeem.dead").await, 0);
    let ignored = process.metric("redeemq_replies_total", "outcome=\"ignored\"").await;
    assert_eq!(ignored, others.len() as f64);
    assert_eq!(process.metric("redeemq_replies_total", "").await, ignored);
    site.close().await;
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
    let process = site.serve().await;
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
