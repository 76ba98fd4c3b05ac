//! What holds for every synchronous client: status 200, a wait, and preferences that override both.

use super::{FORM, Original, post};
use harness::{Caller, Process, Role};
use reqwest::Method;
use serde_json::json;
use std::time::{Duration, Instant};

async fn web(original: &Original, process: &Process) -> Caller {
    // Its mode is known to the ingress before it has a token.
    let pair = format!("api_key={}&api_secret={}", original.api_key, original.api_secret);
    assert_eq!(original.post(process, "/Auth", FORM, &pair).await.said(), (200, "0000"));
    original.site.caller(process, "web").await
}

#[tokio::test]
async fn every_refusal_of_a_synchronous_client_is_200_and_its_headers_stay() {
    let original = Original::open().await;
    let limits = [("REDEEMQ_RATE_CLIENT", "1:40")];
    let process = original.site.start(Role::Serve, &limits).await;
    let web = web(&original, &process).await;
    let goods = |key: &str, amount: i64| {
        let mug = json!({"goods_id": "mug", "player_id": "p1", "amount": amount});
        web.request(Method::POST, "/Redeem/goods").header("Idempotency-Key", key).json(&mug)
    };
    assert_eq!(web.send(goods("k", 1)).await.said(), (200, "0000"));
    assert_eq!(web.send(goods("k", 2)).await.said(), (200, "3001"));
    assert_eq!(web.send(goods("", 2)).await.said(), (200, "2302"));
    for body in ["{", "[]", "\"x\""] {
        let request =
            web.request(Method::POST, "/Redeem/goods").header("Content-Type", "application/json");
        assert_eq!(web.send(request.body(body)).await.said(), (200, "2302"), "{body}");
    }
    for media in ["text/plain", "application/json; charset=latin1"] {
        let request = web.request(Method::POST, "/Redeem/goods").header("Content-Type", media);
        assert_eq!(web.send(request.body("{}")).await.said(), (200, "2302"), "{media}");
    }
    let long = web.request(Method::POST, "/Redeem/goods").json(&json!({"x": "y".repeat(20_000)}));
    assert_eq!(web.send(long).await.said(), (200, "2302"));
    assert_eq!(web.get("/Redeem/jobs/x").await.said(), (200, "3002"));
    assert_eq!(web.get("/nowhere").await.said(), (200, "2302"));
    assert_eq!(web.get("/Redeem/goods").await.said(), (200, "2302"));
    let mut limited = web.get("/Redeem/jobs/x").await;
    while limited.code() != "0901" {
        limited = web.get("/Redeem/jobs/x").await;
    }
    assert_eq!(limited.status, 200);
    assert!(!limited.header("retry-after").is_empty());
    original.site.run(&["client", "disable", "web"]);
    harness::eventually("it is known to be disabled", async || {
        let answer = web.send(goods("k", 1)).await;
        assert_eq!(answer.status, 200);
        answer.code() == "0002"
    })
    .await;
    original.site.close().await;
}

#[tokio::test]
async fn preferences_override_the_mode_of_either_client() {
    let original = Original::open().await;
    original.site.json(&["client", "create", "acme"]);
    let process = original.site.start(Role::Ingress, &[("REDEEMQ_SYNC_SECONDS", "2")]).await;
    let web = web(&original, &process).await;
    let acme = original.site.caller(&process, "acme").await;
    let mug = json!({"goods_id": "mug", "player_id": "p1", "amount": 1});
    for (caller, prefer, said, seconds) in [
        (&web, "", (200, "3005"), 2),
        (&web, "wait=1", (200, "3005"), 1),
        (&web, "respond-async", (202, "0000"), 0),
        (&web, "respond-async, wait=1", (202, "0000"), 1),
        (&acme, "", (202, "0000"), 0),
        (&acme, "wait=1", (202, "0000"), 1),
    ] {
        let begun = Instant::now();
        let request = caller.request(Method::POST, "/Redeem/goods").header("Prefer", prefer);
        let reply = caller.send(request.json(&mug)).await;
        assert_eq!((reply.status, reply.code()), said, "{prefer}");
        assert_eq!(reply.body["response"]["status"], "queued", "{prefer}");
        let took = begun.elapsed();
        assert!(took >= Duration::from_secs(seconds), "{prefer} {took:?}");
        assert!(seconds > 0 || took < Duration::from_secs(2), "{prefer} {took:?}");
    }
    original.site.close().await;
}

#[tokio::test]
async fn a_synchronous_client_beyond_the_bound_of_waits_is_told_that_its_job_is_accepted() {
    let original = Original::open().await;
    let bound = [
        ("REDEEMQ_CONNECTIONS_MAX", "8"),
        ("REDEEMQ_CONNECTIONS_ADDRESS", "0"),
        ("REDEEMQ_SYNC_SECONDS", "20"),
    ];
    let process = original.site.start(Role::Ingress, &bound).await;
    let web = web(&original, &process).await;
    let mug = json!({"goods_id": "mug", "player_id": "p1"});
    // Four of eight connections may wait, and half of those for one client.
    let waiting = [web.clone(), web.clone()].map(|web| {
        let mug = mug.clone();
        tokio::spawn(async move { web.post("/Redeem/goods", &mug).await })
    });
    tokio::time::sleep(Duration::from_secs(1)).await;
    let begun = Instant::now();
    let reply = web.post("/Redeem/goods", &mug).await;
    assert_eq!((reply.status, reply.code()), (200, "3005"));
    assert!(begun.elapsed() < Duration::from_secs(5));

    let worker = original.site.start(Role::Worker, &[]).await;
    for waiting in waiting {
        assert_eq!(waiting.await.expect("joined").said(), (200, "0000"));
    }
    let settled = web.settled(&reply.job_id()).await;
    assert_eq!(settled.body["response"]["result"]["error_code"], "0000");
    drop(worker);
    original.site.audit();
    original.site.close().await;
}

#[tokio::test]
async fn a_client_changes_its_mode_and_absent_amounts_are_one_for_synchronous_ones_only() {
    let original = Original::open().await;
    let process = original.site.serve().await;
    let web = web(&original, &process).await;
    let amounts =
        [json!({}), json!({"amount": null}), json!({"amount": " "}), json!({"amount": 1})];
    let mug = |amount: &serde_json::Value| {
        let mut mug = json!({"goods_id": "mug", "player_id": "p1"});
        mug.as_object_mut().expect("an object").extend(amount.as_object().expect("one").clone());
        web.request(Method::POST, "/Redeem/goods").header("Idempotency-Key", "one").json(&mug)
    };
    for amount in &amounts {
        assert_eq!(web.send(mug(amount)).await.said(), (200, "0000"), "{amount}");
    }
    assert_eq!(original.site.number("select granted from goods where goods_id = 'mug'").await, 1);

    let changed = original.site.json(&["client", "set", "web", "--answers", "async"]);
    assert_eq!(changed, json!({"client_id": "web", "answers": "async"}));
    harness::eventually("the change is known", async || {
        web.send(mug(&json!({"amount": 1}))).await.status == 202
    })
    .await;
    assert_eq!(web.send(mug(&amounts[0])).await.said(), (400, "0903"));
    let listed = original.site.json(&["client", "list"]);
    assert_eq!(listed[0]["answers"], "async");
    original.site.close().await;
}

#[tokio::test]
async fn probes_keep_their_status_whatever_the_mode() {
    let original = Original::open().await;
    let process = original.site.start(Role::Ingress, &[("REDEEMQ_ANSWERS", "sync")]).await;
    let probe = "GET //livez/ HTTP/1.1\r\nHost: x\r\n\r\n";
    let mut raw = harness::Raw::to(&process.http).await;
    raw.send(probe).await;
    assert!(raw.answer().await.starts_with("HTTP/1.1 200"));
    let wrong = original.send(&process, &post("/readyz", FORM, "")).await;
    assert_eq!(wrong.status, 405);
    original.site.close().await;
}
