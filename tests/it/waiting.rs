//! What became of a job: waiting for it, and asking later.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use harness::{Bench, Caller, Request, Role, Site, instant};
use reqwest::Method;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

fn mug() -> Value {
    json!({"goods_id": "mug", "player_id": "p1", "amount": 1})
}

#[tokio::test]
async fn whoever_waits_gets_the_decision_itself_and_its_status_tells_the_same() {
    let site = Site::with_clients().await;
    site.goods("acme", "goods_id,name,quantity\nmug,Mug,1\n");
    let process = site.serve().await;
    let caller = site.caller(&process, "acme").await;

    for (key, code) in [("first", "0000"), ("second", "0604")] {
        let answer = caller.decide_once("/Redeem/goods", key, &mug()).await;
        assert_eq!(answer.said(), (200, code));
        assert_eq!(answer.header("preference-applied"), "wait=20");

        let queued = caller.request(Method::POST, "/Redeem/goods").header("Idempotency-Key", key);
        let queued = caller.send(queued.json(&mug())).await;
        let status = caller.get(&format!("/Redeem/jobs/{}", queued.job_id())).await;
        assert_eq!(status.said(), (200, "0000"));
        let told = &status.body["response"];
        assert_eq!(told["job_id"], queued.job_id());
        assert_eq!(told["status"], "done");
        assert!(instant(&told["accepted_at"]) <= instant(&told["decided_at"]), "{told}");
        assert_eq!(
            told["decided_at"], answer.body["time"],
            "the envelope's time is the decision's"
        );
        let result = told["result"].as_object().expect("a result");
        for field in ["success", "error_code", "message", "response"] {
            assert_eq!(result[field], answer.body[field], "{field}");
        }
        assert_eq!(result.get("refused_by"), answer.body.get("refused_by"));
    }
    site.close().await;
}

#[tokio::test]
async fn a_wait_that_passes_ends_in_202_and_the_job_is_decided_once_a_worker_comes() {
    let site = Site::with_clients().await;
    let process = site.start(Role::Ingress, &[]).await;
    let caller = site.caller(&process, "acme").await;
    let begun = Instant::now();

    let post = caller.request(Method::POST, "/Redeem/goods").header("Prefer", "wait=1");
    let answer = caller.send(post.json(&mug())).await;
    let at_once = caller.request(Method::POST, "/Redeem/goods").header("Prefer", "wait=0");
    let at_once = caller.send(at_once.json(&mug())).await;

    assert!(begun.elapsed() >= Duration::from_secs(1));
    assert_eq!((answer.said(), at_once.said()), ((202, "0000"), (202, "0000")));
    let path = format!("/Redeem/jobs/{}", answer.job_id());
    let told = caller.get(&path).await;
    assert_eq!(told.said(), (200, "0000"));
    let told = &told.body["response"];
    assert_eq!((&told["status"], &told["job_id"]), (&json!("queued"), &json!(answer.job_id())));
    assert!(instant(&told["accepted_at"]) <= redeemq::wire::now(), "{told}");
    assert_eq!((&told["decided_at"], &told["result"]), (&Value::Null, &Value::Null));
    let begun = Instant::now();
    let waiting = caller.request(Method::GET, &path).header("Prefer", "wait=1");
    assert_eq!(caller.send(waiting).await.body["response"]["status"], "queued");
    assert!(begun.elapsed() >= Duration::from_secs(1));

    let job_id = answer.job_id();
    let waiting = caller.settled(&job_id);
    let (status, _worker) = tokio::join!(waiting, site.start(Role::Worker, &[]));
    assert_eq!(status.body["response"]["status"], "done");
    assert_eq!(status.body["response"]["result"]["error_code"], "0501");
    assert_eq!(status.header("preference-applied"), "wait=20");
    site.close().await;
}

#[tokio::test]
async fn an_id_that_was_never_given_to_this_client_is_unknown() {
    let site = Site::with_clients().await;
    let process = site.start(Role::Ingress, &[]).await;
    let caller = site.caller(&process, "acme").await;
    let job_id = caller.post("/Redeem/goods", &mug()).await.job_id();
    let asked = async |id: &str| caller.get(&format!("/Redeem/jobs/{id}")).await;
    assert_eq!(asked(&job_id).await.said(), (200, "0000"));

    let bytes = URL_SAFE_NO_PAD.decode(&job_id).expect("base64");
    let mut unknown: Vec<String> = Vec::new();
    for i in 0..bytes.len() {
        let mut forged = bytes.clone();
        forged[i] ^= 1;
        unknown.push(URL_SAFE_NO_PAD.encode(forged));
    }
    unknown.extend([
        uuid::Uuid::now_v7().to_string(),
        uuid::Uuid::nil().to_string(),
        job_id[1..].to_owned(),
        format!("{job_id}A"),
        "x".to_owned(),
        "x".repeat(4_000),
        "%20".to_owned(),
        "%00".to_owned(),
        "%FF".to_owned(),
        "..%2f..".to_owned(),
    ]);
    for id in unknown {
        let answer = asked(&id).await;
        assert_eq!(answer.said(), (404, "3002"), "{id}");
    }
    site.close().await;
}

#[tokio::test]
async fn nobody_waits_for_an_id_that_was_never_given() {
    let site = Site::with_clients().await;
    let process = site.start(Role::Ingress, &[]).await;
    let caller = site.caller(&process, "acme").await;
    let given = caller.post("/Redeem/goods", &mug()).await.job_id();
    let mut forged = URL_SAFE_NO_PAD.decode(given).expect("base64");
    forged[0] ^= 1;
    let begun = Instant::now();
    let answer = caller.settled(&URL_SAFE_NO_PAD.encode(forged)).await;
    assert_eq!(answer.said(), (404, "3002"));
    assert!(begun.elapsed() < Duration::from_secs(20), "it waited");
    assert!(!answer.headers.contains_key("preference-applied"));
    site.close().await;
}

#[tokio::test]
async fn a_publishers_own_id_is_waited_for_for_its_job_may_be_on_its_way() {
    let site = Site::with_clients().await;
    let process = site.start(Role::Ingress, &[]).await;
    let caller = site.caller(&process, "acme").await;
    let bench = Bench::open(&site.amqp_url).await;
    let request = Request::new("acme", "goods", &mug());
    let job_id = request.job_id();
    bench.publish(&request).await;
    let waiting = caller.settled(&job_id);
    let (status, _worker) = tokio::join!(waiting, site.start(Role::Worker, &[]));
    assert_eq!(status.body["response"]["status"], "done", "{}", status.text);
    site.close().await;
}

#[tokio::test]
async fn a_publishers_own_id_is_known_to_its_client_once_it_is_decided() {
    let site = Site::with_clients().await;
    let process = site.serve().await;
    let caller = site.caller(&process, "acme").await;
    let bench = Bench::open(&site.amqp_url).await;
    let request = Request::new("acme", "goods", &mug());

    let status = async |caller: &Caller| caller.settled(&request.job_id()).await;
    bench.publish(&request).await;

    assert_eq!(status(&caller).await.body["response"]["result"]["error_code"], "0501");
    let other = site.caller(&process, "zeta").await;
    assert_eq!(
        other.get(&format!("/Redeem/jobs/{}", request.job_id())).await.said(),
        (404, "3002")
    );
    site.close().await;
}
