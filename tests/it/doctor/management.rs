//! What only the management API tells.

use super::{ask, assert_refused, doctor, refused};
use harness::{Bench, Request, Site, eventually, site::management};
use reqwest::Method;
use serde_json::{Value, json};

async fn policy(site: &Site, kind: &str, definition: Value) {
    let path = format!("{kind}/{}/of-ops", site.name);
    let policy = json!({"pattern": ".*", "apply-to": "queues", "definition": definition});
    management(Method::PUT, &path, Some(policy)).await.expect("a policy");
}

async fn without_policy(site: &Site, kind: &str) {
    let path = format!("{kind}/{}/of-ops", site.name);
    management(Method::DELETE, &path, None).await.expect("no policy");
}

/// The broker tells the API of policies some seconds later.
async fn until_known(site: &Site, key: &str) {
    for queue in ["redeem.requests", "redeem.dead"] {
        eventually("the policy is known", async || {
            let path = format!("queues/{}/{queue}", site.name);
            let answer = management(Method::GET, &path, None).await.expect("an answer");
            let real: Value = answer.json().await.expect("JSON");
            !real["effective_policy_definition"][key].is_null()
        })
        .await;
    }
}

#[tokio::test]
async fn policies_that_override_what_a_queue_is_for_are_found_and_refused() {
    let site = Site::open().await;
    let bench = Bench::open(&site.amqp_url).await;
    bench.declare().await;
    bench.publish(&Request::raw(b"a job")).await;
    let definition = json!({
        "overflow": "drop-head", "dead-letter-strategy": "at-most-once", "delivery-limit": 20,
        "max-length": 1_000_000,
    });
    policy(&site, "policies", definition).await;
    until_known(&site, "overflow").await;
    let said = doctor(&site);
    let take_out = "keep its pattern from matching redeem.requests";
    for words in [
        ["overflow", "drop-head", "drop jobs", take_out],
        ["dead-letter-strategy", "at-most-once", "get lost", take_out],
        ["delivery-limit", "20", "give jobs up", take_out],
    ] {
        said.assert("fatal", &[&words[..], &["policy `of-ops`", "redeem.requests"]].concat());
    }
    said.assert("warning", &["max-length", "publishers are refused", "redeem.requests.spare"]);
    said.assert("fatal", &["max-length", "oldest dead letters would be dropped", "redeem.dead"]);
    said.assert("fatal", &["delivery-limit", "looking at dead letters counts", "redeem.dead"]);
    assert_refused(&site, &[], &["policy `of-ops`", "overflow", "drop-head", take_out]).await;
    assert_eq!(bench.depth("redeem.requests").await, 1);

    without_policy(&site, "policies").await;
    let definition = json!({"message-ttl": 60_000, "expires": 60_000, "delivery-limit": 50});
    policy(&site, "operator-policies", definition).await;
    until_known(&site, "message-ttl").await;
    let said = doctor(&site);
    said.assert("fatal", &["operator policy `of-ops`", "message-ttl", "60000", "redeem.requests"]);
    said.assert("fatal", &["operator policy `of-ops`", "expires", "redeem.dead", "vanish"]);
    said.assert("warning", &["delivery-limit", "50", "not tried", "redeem.requests"]);
    let log = refused(&site, &[]).await;
    assert!(log.contains("operator policy") && log.contains("message-ttl"), "{log}");
    site.close().await;
}

#[tokio::test]
async fn a_policy_that_asks_for_what_we_have_is_no_fault() {
    let site = Site::open().await;
    Bench::open(&site.amqp_url).await.declare().await;
    let definition =
        json!({"overflow": "reject-publish", "max-length-bytes": 1_000_000_000_000_i64});
    policy(&site, "policies", definition).await;
    until_known(&site, "overflow").await;
    let said = doctor(&site);
    assert!(said.of("fatal").iter().all(|found| found.contains("redeem.dead")), "{}", said.report);
    assert!(!said.text.contains("on queue redeem.requests"), "{}", said.report);
    site.close().await;
}

#[tokio::test]
async fn a_missing_binding_is_told_and_mended_by_a_worker() {
    let site = Site::open().await;
    Bench::open(&site.amqp_url).await.declare().await;
    for (exchange, queue, key) in
        [("redeem.requests", "redeem.requests", "%23"), ("redeem.dead", "redeem.dead.notices", "~")]
    {
        let path = format!("bindings/{}/e/{exchange}/q/{queue}/{key}", site.name);
        management(Method::DELETE, &path, None).await.expect("unbound");
    }
    let said = doctor(&site);
    said.assert("warning", &["redeem.requests is not bound", "`#`", "Start a worker"]);
    said.assert("warning", &["redeem.dead.notices is not bound", "Start a worker"]);
    let _worker = site.serve().await;
    doctor(&site).assert("ok", &["queues are bound as expected"]);
    site.close().await;
}

#[tokio::test]
async fn an_api_that_does_not_let_us_ask_is_told_without_its_password() {
    let site = Site::open().await;
    Bench::open(&site.amqp_url).await.declare().await;
    let url = std::env::var("RABBITMQ_MANAGEMENT_URL").expect("the API");
    let server = url.rsplit_once('@').map_or(url.as_str(), |(_, server)| server);
    let stranger = format!("http://stranger:the-password@{server}");
    let nobody = "https://stranger:the-password@127.0.0.1:1".to_owned();
    for (url, words) in [(stranger, "does not let us ask"), (nobody, "refused")] {
        let environment = [("RABBITMQ_MANAGEMENT_URL", url.as_str())];
        let said = ask(&site, &environment, &[]);
        assert_eq!(said.status, Some(2), "{}", said.text);
        assert!(said.left_out("policies, bindings and alarms"), "{}", said.text);
        let text = &said.text;
        assert!(text.contains(words) && text.contains("Check RABBITMQ_MANAGEMENT_URL"), "{text}");
        assert!(!text.contains("the-password"), "{text}");
        // It is no reason for a worker not to start.
        let worker = site.start(harness::Role::Worker, &environment).await;
        assert!(worker.text().contains("not checked"), "{}", worker.text());
        assert!(!worker.text().contains("the-password"));
    }
    site.close().await;
}

#[tokio::test]
async fn over_http_no_certificates_to_trust_are_needed_and_over_https_it_is_told_that_they_are_missing()
 {
    let site = Site::open().await;
    Bench::open(&site.amqp_url).await.declare().await;
    let none = harness::NO_CERTIFICATES;
    let said = ask(&site, &none, &[]);
    assert!(!said.left_out("policies, bindings and alarms"), "{}", said.text);
    said.assert("ok", &["queues are bound as expected"]);
    let over_tls = ("RABBITMQ_MANAGEMENT_URL", "https://somebody:the-password@127.0.0.1:1");
    let said = ask(&site, &[none[0], none[1], over_tls], &[]);
    assert!(said.left_out("policies, bindings and alarms"), "{}", said.text);
    assert!(said.text.contains("certificates"), "{}", said.text);
    site.close().await;
}
