//! P4: answered. Every decision is published, and says whose answer it is.

use harness::{Bench, Request, mug, with_mugs};
use serde_json::json;

const FIELDS: [&str; 10] = [
    "accepted_at",
    "client_id",
    "decided_at",
    "error_code",
    "job_id",
    "message",
    "operation",
    "response",
    "success",
    "v",
];

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
        let fields: Vec<&String> = result.json.as_object().expect("an object").keys().collect();
        assert_eq!(fields, FIELDS);
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
