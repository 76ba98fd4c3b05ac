//! P4: a result may be larger than the broker takes. It is counted and stays fetchable, and costs the
//! session once, not again and again.

use crate::node::shared;
use harness::{Bench, Request, Role, Tally, eventually, mug};
use serde_json::json;

#[tokio::test]
async fn a_result_that_is_larger_than_the_broker_takes_is_counted_and_stays_fetchable() {
    let (node, _turn) = shared().await;
    let _small = node.with("max_message_size", 50_000, 134_217_728);
    let site = node.site().await;
    site.goods("acme", "goods_id,name,group\nfilm,Film,cinema\n");
    let codes: String = (0..1_000).map(|code| format!("CODE-{code}\n")).collect();
    site.coupons("acme", "cinema", &format!("code\n{codes}"));
    let process = site.start(Role::Serve, &[]).await;
    let caller = site.caller(&process, "acme").await;
    let bench = Bench::open(&site.amqp_url).await;
    let mut results = bench.results("#").await;
    let metric = async |name: &str, labels: &str| process.metric(name, labels).await;

    for (refused, amount) in [(1.0, 400), (2.0, 500)] {
        let params = json!({"group": "cinema", "player_id": "p1", "amount": amount});
        let large = Request::new("acme", "goods_group", &params);
        // Together, so that the line breaks in the middle of a window.
        let small: Vec<Request> = (0..200).map(|_| mug("acme")).collect();
        bench.publish_all(&[std::slice::from_ref(&large), &small].concat()).await;
        let mut tally = Tally::of(&small);
        tally.read(&mut results, 0).await;
        assert!(tally.answers().iter().all(|answer| answer["error_code"] == "0000"));
        eventually("it is counted", async || {
            metric("redeemq_results_total", "too_large").await == refused
        })
        .await;
        let status = caller.settled(&large.job_id()).await;
        let told = &status.body["response"]["result"];
        assert_eq!(told["error_code"], "0000");
        assert_eq!(told["response"]["events"].as_array().map(Vec::len), Some(amount));
    }
    assert_eq!(metric("redeemq_sessions_lost_total", "").await, 1.0);
    assert_eq!(bench.depth("redeem.requests").await, 0);
    assert_eq!(bench.depth("redeem.dead").await, 0);
    site.close().await;
}
