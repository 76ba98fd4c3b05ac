//! When a job is judged, and as whose: at the time of acceptance, however late it is decided.

use harness::{Bench, Request, Role, Site};
use redeemq::wire::{now, rfc3339};
use serde_json::{Value, json};
use time::{Duration, OffsetDateTime};

fn mug(amount: i64) -> Value {
    json!({"goods_id": "mug", "player_id": "p1", "amount": amount})
}

/// A job with the instant at which its publisher accepted it.
fn accepted(params: &Value, at: OffsetDateTime) -> Request {
    Request::new("acme", "goods", params).with("accepted_at", rfc3339(at).into())
}

#[tokio::test]
async fn windows_are_half_open_and_judged_at_the_time_of_acceptance_however_long_the_backlog() {
    let site = Site::with_clients().await;
    let (end, span) = (now() - Duration::HOUR, Duration::HOUR);
    let start = end - span;
    let window = format!("{},{}", rfc3339(start), rfc3339(end));
    site.goods("acme", &format!("goods_id,name,starts_at,ends_at\nmug,Mug,{window}\n"));
    let _worker = site.start(Role::Worker, &[]).await;
    let bench = Bench::open(&site.amqp_url).await;
    let mut results = bench.results("#").await;
    let tick = Duration::MICROSECOND;

    for (at, code) in [
        (start - tick, "0603"),
        (start, "0000"),
        (end - tick, "0000"),
        (end, "0603"),
        (now(), "0603"),
    ] {
        bench.publish(&accepted(&mug(1), at)).await;
        let result = results.next().await.json;
        assert_eq!(result["error_code"], code, "{result}");
        assert_eq!(result["accepted_at"], rfc3339(at));
    }
    site.close().await;
}

#[tokio::test]
async fn a_job_from_the_future_is_2302_and_an_old_one_is_refused_only_where_that_is_configured() {
    let site = Site::with_clients().await;
    site.goods("acme", "goods_id,name\nmug,Mug\n");
    let bench = Bench::open(&site.amqp_url).await;
    let decide = async |age_max: &[(&str, &str)], at: OffsetDateTime| {
        let worker = site.start(Role::Worker, age_max).await;
        let mut results = bench.results("#").await;
        let request = accepted(&mug(1), at);
        bench.publish(&request).await;
        let result = results.of(&request).await.json;
        worker.kill();
        (result["error_code"].clone(), result["message"].clone())
    };
    let hour = [("REDEEMQ_AGE_MAX_SECONDS", "3600")];
    let unacceptable = (json!("2302"), json!("Invalid parameter , [ accepted_at ]"));

    assert_eq!(decide(&[], now() + Duration::seconds(90)).await, unacceptable);
    assert_eq!(decide(&[], now() + Duration::seconds(30)).await.0, "0000");
    assert_eq!(decide(&[], now() - Duration::days(400)).await.0, "0000");
    assert_eq!(decide(&hour, now() - Duration::minutes(61)).await.0, "3004");
    assert_eq!(decide(&hour, now() - Duration::minutes(59)).await.0, "0000");
    site.close().await;
}

#[tokio::test]
async fn what_was_accepted_before_its_client_was_disabled_is_judged_and_what_came_after_is_0002() {
    let site = Site::with_clients().await;
    site.goods("acme", "goods_id,name\nmug,Mug\n");
    let _worker = site.start(Role::Worker, &[]).await;
    let bench = Bench::open(&site.amqp_url).await;
    let mut results = bench.results("#").await;
    let before = accepted(&mug(1), now());
    site.json(&["client", "disable", "acme"]);
    let after = accepted(&mug(1), now());

    for (request, code) in [(&after, "0002"), (&before, "0000")] {
        bench.publish(request).await;
        assert_eq!(results.next().await.json["error_code"], code);
    }
    site.json(&["client", "enable", "acme"]);
    bench.publish(&after).await;
    assert_eq!(results.next().await.json["error_code"], "0002", "a refusal is final for its id");
    let unknown = Request::new("nobody", "goods", &mug(1));
    bench.publish(&unknown).await;
    assert_eq!(results.next().await.json["error_code"], "0002");
    site.close().await;
}

#[tokio::test]
async fn unacceptable_parameters_of_a_publisher_are_a_decision_and_nothing_dead() {
    let site = Site::with_clients().await;
    let _worker = site.start(Role::Worker, &[]).await;
    let bench = Bench::open(&site.amqp_url).await;
    let mut results = bench.results("#").await;
    let refused = |params: &Value| Request::new("acme", "goods", params);
    for (params, code, message) in [
        (json!({"player_id": "p1", "amount": 1}), "0903", "[ goods_id ]"),
        (mug(-5), "2302", "[ amount ]"),
        (json!({"goods_id": "a\u{0}", "player_id": "p1", "amount": 1}), "0503", "Invalid goods id"),
    ] {
        bench.publish(&refused(&params)).await;
        let result = results.next().await.json;
        assert_eq!(result["error_code"], code, "{result}");
        assert!(result["message"].as_str().is_some_and(|m| m.contains(message)), "{result}");
    }
    assert_eq!(site.number("select count(*) from ledger").await, 3);
    assert_eq!(bench.depth("redeem.dead").await, 0);
    site.close().await;
}
