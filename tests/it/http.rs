//! The front door: what it takes, in which shapes, and what a caller gets for it.

use harness::{Answer, Bench, Caller, Role, Site};
use reqwest::Method;
use serde_json::{Value, json};

/// Each operation with its route and with parameters that are acceptable.
pub fn operations() -> [(&'static str, &'static str, Value); 5] {
    let redeem = |name: &str| json!({name: "mug", "player_id": "p1", "amount": 2});
    let verify = json!({"goods_group": "mug", "coupon_code": "C-1", "pin_code": "s3cretP"});
    [
        ("goods", "/Redeem/goods", redeem("goods_id")),
        ("goods_group", "/Redeem/goodsGroup", redeem("group")),
        ("verify", "/Redeem/goodsGroup/verify", verify),
        ("sponsor", "/Redeem/sponsor", redeem("goods_id")),
        ("sponsor_group", "/Redeem/sponsorGroup", redeem("group")),
    ]
}

fn assert_queued(answer: &Answer) -> String {
    assert_eq!(answer.said(), (202, "0000"), "{}", answer.text);
    let job_id = answer.job_id();
    assert_eq!(answer.body["response"], json!({"job_id": job_id, "status": "queued"}));
    assert_eq!(answer.header("location"), format!("/Redeem/jobs/{job_id}"));
    assert!(job_id.len() <= 64, "{job_id}");
    assert!(job_id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.~".contains(&b)), "{job_id}");
    job_id
}

#[tokio::test]
async fn each_operation_is_taken_as_form_and_as_json_with_the_token_in_either_place() {
    let site = Site::open().await;
    let process = site.start(Role::Ingress, &[]).await;
    let (caller, stranger) =
        (Caller::with_minted_token(&process, "acme", 0), Caller::stranger(&process));
    let bench = Bench::open(&site.amqp_url).await;
    let mut queue = bench.read("redeem.requests").await;

    for (operation, path, params) in operations() {
        let mut with_token = params.clone();
        with_token["token"] = caller.token.clone().into();
        for request in [
            caller.request(Method::POST, path).json(&params),
            caller.request(Method::POST, path).form(&params),
            stranger.request(Method::POST, path).json(&with_token),
            stranger.request(Method::POST, path).form(&with_token),
        ] {
            let job_id = assert_queued(&caller.send(request).await);
            let message = queue.next().await;
            assert_eq!(message.routing_key, operation);
            assert_eq!((&message.message_id, &message.correlation_id), (&job_id, &job_id));
            assert_eq!(message.json["job_id"], job_id);
            assert_eq!(message.json["v"], 1);
            assert_eq!(message.json["client_id"], "acme");
            assert_eq!(message.json["operation"], operation);
            for (name, value) in params.as_object().expect("parameters") {
                if name != "pin_code" {
                    assert_eq!(message.json["params"][name], *value, "{name}");
                }
            }
            let body = String::from_utf8_lossy(&message.body).into_owned();
            assert!(!body.contains("s3cretP"), "a PIN travels in the clear: {body}");
            assert!(!body.contains(&caller.token), "a token travels: {body}");
        }
    }
    site.close().await;
}

#[tokio::test]
async fn one_key_with_one_content_is_one_job_however_it_is_written() {
    let site = Site::open().await;
    let process = site.start(Role::Ingress, &[]).await;
    let caller = Caller::with_minted_token(&process, "acme", 0);
    let post = |key: Option<&str>| {
        let request = caller.request(Method::POST, "/Redeem/goods");
        match key {
            Some(key) => request.header("Idempotency-Key", key),
            None => request,
        }
    };
    let id_of = async |request: reqwest::RequestBuilder| assert_queued(&caller.send(request).await);
    let params = json!({"goods_id": "mug", "player_id": "p1", "amount": 2});
    let form = "amount=02&player_id=p1&goods_id=mug";

    let first = id_of(post(Some("order-1")).json(&params)).await;
    let as_form = post(Some("order-1"))
        .header("Content-Type", "application/x-www-form-urlencoded; charset=UTF-8")
        .body(form);
    assert_eq!(id_of(as_form).await, first);

    let others = [
        id_of(post(Some("order-2")).json(&params)).await,
        id_of(post(Some("ORDER-1")).json(&params)).await,
        id_of(post(None).json(&params)).await,
        id_of(post(None).json(&params)).await,
        id_of(
            post(Some("order-1")).json(&json!({"goods_id": "mug", "player_id": "p1", "amount": 3})),
        )
        .await,
    ];
    for (i, other) in others.iter().enumerate() {
        assert_ne!(*other, first);
        assert!(!others[..i].contains(other), "{others:?}");
    }
    site.close().await;
}

#[tokio::test]
async fn a_key_used_for_something_else_is_3001_for_ever_and_the_first_answer_stays() {
    let site = Site::with_clients().await;
    site.goods("acme", "goods_id,name,quantity\nmug,Mug,100\n");
    let process = site.serve().await;
    let caller = site.caller(&process, "acme").await;
    let one = json!({"goods_id": "mug", "player_id": "p1", "amount": 1});
    let two = json!({"goods_id": "mug", "player_id": "p1", "amount": 2});

    let first = caller.decide_once("/Redeem/goods", "order", &one).await;
    let other = caller.decide_once("/Redeem/goods", "order", &two).await;
    let again = caller.decide_once("/Redeem/goods", "order", &two).await;
    let queued = caller.request(Method::POST, "/Redeem/goods").header("Idempotency-Key", "order");
    let queued = caller.send(queued.json(&two)).await;
    let status = caller.settled(&queued.job_id()).await;

    assert_eq!(first.said(), (200, "0000"));
    assert_eq!(other.said(), (422, "3001"));
    assert_eq!(again.text, other.text);
    assert_eq!(status.said(), (200, "0000"));
    assert_eq!(status.body["response"]["status"], "done");
    assert_eq!(status.body["response"]["result"]["error_code"], "3001");
    assert_eq!(caller.decide_once("/Redeem/goods", "order", &one).await.text, first.text);
    assert_eq!(site.number("select granted from goods").await, 1);
    site.close().await;
}

#[tokio::test]
async fn the_callers_correlation_id_comes_back_with_the_result() {
    let site = Site::with_clients().await;
    let process = site.serve().await;
    let caller = site.caller(&process, "acme").await;
    let bench = Bench::open(&site.amqp_url).await;
    let mut results = bench.results("acme.goods").await;
    let params = json!({"goods_id": "mug", "player_id": "p1", "amount": 1});

    for correlation_id in ["x", &"~".repeat(255)] {
        let post = caller.request(Method::POST, "/Redeem/goods").json(&params);
        let answer = caller.send(post.header("X-Correlation-Id", correlation_id)).await;
        let result = results.next().await;
        assert_eq!(
            (result.message_id, result.correlation_id.as_str()),
            (answer.job_id(), correlation_id)
        );
    }
    site.close().await;
}

#[tokio::test]
async fn a_process_says_whether_it_lives_is_ready_and_what_it_counts() {
    let site = Site::with_clients().await;
    let process = site.serve().await;
    let caller = site.caller(&process, "acme").await;
    caller
        .decide("/Redeem/goods", &json!({"goods_id": "mug", "player_id": "p1", "amount": 1}))
        .await;

    assert_eq!(caller.get("/livez").await.status, 200);
    assert_eq!(caller.get("/readyz").await.status, 200);
    assert_eq!(caller.get("/metrics").await.said().0, 404, "metrics are not for callers");
    assert_eq!(process.metric("redeemq_accepted_total", "operation=\"goods\"").await, 1.0);
    assert_eq!(process.metric("redeemq_decided_total", "code=\"0501\"").await, 1.0);
    assert_eq!(process.metric("redeemq_confirm_seconds_count", "").await, 1.0);
    assert_eq!(caller.post("/Redeem/goods", &json!({})).await.said(), (400, "0903"));
    assert_eq!(process.metric("redeemq_refused_total", "code=\"0903\"").await, 1.0);
    site.close().await;
}
