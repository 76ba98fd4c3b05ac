//! P1: nothing lost. Whatever arrives is decided, or lies in the dead queue with the reason; and
//! the worker goes on.

use harness::{Bench, MUG, Request, Site, eventually, mug, site::management};
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::HashMap;

#[tokio::test]
async fn junk_goes_to_the_dead_queue_with_its_reason_and_the_worker_goes_on() {
    let site = Site::with_clients().await;
    site.goods("acme", MUG);
    let process = site.serve().await;
    let bench = Bench::open(&site.amqp_url).await;
    let mut results = bench.results("#").await;
    let broken = |field: &str| {
        let id = uuid::Uuid::now_v7();
        let ids = format!(r#""job_id":"{id}","client_id":"acme","operation":"goods""#);
        Request::raw(format!("{{{field}{ids}}}").as_bytes())
    };
    let junk: Vec<(Request, &str)> = vec![
        (Request::raw(&[0xff, 0xfe, 0x00]), "not a request in JSON"),
        (Request::raw(b""), "not a request in JSON"),
        (Request::raw(b"{}"), "field v is missing"),
        (Request::raw(br#"{"v":99}"#), "unknown version 99"),
        (Request::raw("[".repeat(5_000).as_bytes()), "not a request in JSON"),
        (Request::raw(&vec![b'a'; 1024 * 1024]), "not a request in JSON"),
        (mug("acme").with("job_id", json!("order 7")), "field job_id"),
        (mug("acme").with("job_id", json!(7)), "field job_id is no text"),
        (mug("acme").with("client_id", json!("Acme & Sons")), "field client_id"),
        (mug("acme").with("operation", json!("refund")), "field operation"),
        (mug("acme").with("accepted_at", json!("yesterday")), "field accepted_at"),
        // In UTC it lies in the year 10000, which can be neither stored nor written.
        (mug("acme").with("accepted_at", json!("9999-12-31T23:59:59-01:00")), "field accepted_at"),
        (mug("acme").with("accepted_at", json!("0000-01-01T00:00:00+01:00")), "field accepted_at"),
        (mug("acme").with("accepted_at", json!({})), "field accepted_at is no text"),
        (broken(r#""v":1,"v":1,"#), "field v stands there twice"),
        (broken(r#""v":NaN,"#), "in field v"),
    ];
    for (request, _) in &junk {
        bench.publish(request).await;
    }
    let good = mug("acme");
    bench.publish(&good).await;

    assert_eq!(results.next().await.message_id, good.job_id());
    eventually("all junk is settled", async || {
        process.metric("redeemq_results_total", "outcome=\"dead\"").await == junk.len() as f64
    })
    .await;
    let letters = bench.read("redeem.dead").await.take(junk.len()).await;
    let reasons: HashMap<&[u8], String> =
        letters.iter().map(|l| (l.body.as_slice(), l.header("x-redeemq-reason"))).collect();
    for (request, expected) in &junk {
        let reason = &reasons[request.body.as_slice()];
        assert!(reason.contains(expected), "{reason} instead of {expected}");
    }
    assert!(
        letters.iter().all(|l| !l.message_id.is_empty() && l.header("x-redeemq-attempts") == "1")
    );
    assert_eq!(bench.depth("redeem.requests").await, 0);
    site.close().await;
}

#[tokio::test]
async fn whoever_waits_for_a_job_that_is_dead_is_told_so() {
    let site = Site::with_clients().await;
    let process = site.serve().await;
    let bench = Bench::open(&site.amqp_url).await;
    let caller = site.caller(&process, "acme").await;
    let stranger = site.caller(&process, "zeta").await;
    bench.queue("redeem.reply.mine", None, &[]).await;
    let mut replies = bench.read("redeem.reply.mine").await;
    let mut results = bench.results("acme.#").await;
    for (field, value) in [
        ("v", json!(99)),
        ("operation", json!("refund")),
        ("operation", json!(7)),
        ("accepted_at", json!("yesterday")),
        ("accepted_at", json!({"at": "yesterday"})),
        ("accepted_at", Value::Null),
    ] {
        let request =
            mug("acme").with(field, value).reply_to("redeem.reply.mine").correlated(field);
        bench.publish(&request).await;

        let notice = replies.next_of_any_kind().await;
        assert_eq!(results.next_of_any_kind().await.body, notice.body);
        assert_eq!(
            (notice.correlation_id.as_str(), &notice.json["status"]),
            (field, &json!("dead"))
        );
        assert_eq!(
            (&notice.json["job_id"], &notice.json["client_id"]),
            (&json!(request.job_id()), &json!("acme"))
        );
        assert!(
            notice.json["reason"]
                .as_str()
                .is_some_and(|reason| reason.contains(&format!("field {field}")))
        );
        assert!(notice.json.get("error_code").is_none(), "a notice is no decision");
        let status = caller.get(&format!("/Redeem/jobs/{}", request.job_id())).await;
        assert_eq!(status.body["response"]["status"], "dead");
        assert_eq!(stranger.get(&format!("/Redeem/jobs/{}", request.job_id())).await.status, 404);
    }
    assert_eq!(site.number("select count(*) from ledger").await, 0);
    site.close().await;
}

/// A message that is broken in one place, or says the same in another way, over all that reads it.
#[tokio::test]
async fn whatever_is_wrong_with_a_message_whoever_can_be_told_is_told() {
    let site = Site::with_clients().await;
    site.goods("acme", MUG);
    let process = site.serve().await;
    let bench = Bench::open(&site.amqp_url).await;
    let caller = site.caller(&process, "acme").await;
    let mut results = bench.results("acme.#").await;
    let body = |v: &str, id: &str, rest: &str| {
        let at = r#""2026-01-02T03:04:05Z""#;
        format!(
            r#"{{"v":{v},"params":{rest},"job_id":"{id}","client_id":"acme","operation":"goods","accepted_at":{at}}}"#
        )
    };
    let good = r#"{"goods_id":"mug","player_id":"p1","amount":1}"#;
    let id = uuid::Uuid::now_v7;
    let is_dead = |body: String, id: uuid::Uuid| (body, id, None);
    let is_decided = |body: String, id: uuid::Uuid, code| (body, id, Some(code));
    let ids: [uuid::Uuid; 8] = std::array::from_fn(|_| id());
    let cut = body("1", &ids[2].to_string(), good);
    for (body, id, code) in [
        is_dead(body("1", &ids[0].to_string(), r#"{"amount":NaN}"#), ids[0]),
        is_dead(body(r#"1,"v":1"#, &ids[1].braced().to_string(), good), ids[1]),
        is_dead(cut[..cut.len() - 20].to_owned(), ids[2]),
        is_decided(body("1.0", &ids[3].to_string(), good), ids[3], "0000"),
        is_decided(body("1", &ids[4].simple().to_string(), good), ids[4], "0000"),
        is_decided(body("1", &ids[5].braced().to_string(), good), ids[5], "0000"),
        is_decided(
            body(
                "1",
                &ids[6].urn().to_string().to_uppercase().replace("URN:UUID", "urn:uuid"),
                good,
            ),
            ids[6],
            "0000",
        ),
        is_decided(body("1", &ids[7].to_string(), "[1]"), ids[7], "2302"),
        // The same job in another form: its stored result.
        is_decided(body("1", &ids[4].to_string(), good), ids[4], "0000"),
    ] {
        bench.publish(&Request::raw(body.as_bytes())).await;
        let told = results.next_of_any_kind().await;
        assert_eq!(told.message_id, id.to_string(), "{body}");
        assert_eq!(told.correlation_id, told.message_id, "{body}");
        assert_eq!(told.json["job_id"], id.to_string(), "{body}");
        let status = match code {
            None => {
                assert_eq!(told.json["status"], "dead", "{body}");
                "dead"
            }
            Some(code) => {
                assert_eq!(told.code(), code, "{body}");
                "done"
            }
        };
        for form in [id.hyphenated().to_string(), id.simple().to_string()] {
            let found = caller.get(&format!("/Redeem/jobs/{form}")).await;
            assert_eq!(found.body["response"]["status"], status, "{body}");
            assert_eq!(found.body["response"]["job_id"], id.to_string(), "{body}");
        }
    }
    assert_eq!(site.number("select granted from goods").await, 4);
    assert_eq!(site.number("select count(*) from ledger").await, 5);
    site.audit();
    site.close().await;
}

#[tokio::test]
async fn unacceptable_parameters_of_a_readable_job_are_decided_and_stored() {
    let site = Site::with_clients().await;
    site.goods("acme", MUG);
    let process = site.serve().await;
    let bench = Bench::open(&site.amqp_url).await;
    let caller = site.caller(&process, "acme").await;
    let mut results = bench.results("acme.#").await;
    let with = |name: &str, value: Value| {
        let mut params = json!({"goods_id": "mug", "player_id": "p1", "amount": 1});
        params[name] = value;
        Request::new("acme", "goods", &params)
    };
    for (request, code, named) in [
        (with("amount", json!(-5)), "2302", "amount"),
        (with("amount", json!("many")), "2302", "amount"),
        (with("amount", json!(10_001)), "2302", "amount"),
        (with("player_id", json!("p\u{0}")), "2302", "player_id"),
        (with("player_id", json!("p".repeat(1024 * 1024))), "2302", "player_id"),
        (with("player_id", json!(" ")), "0903", "player_id"),
        (Request::new("acme", "goods", &json!({})), "0903", "player_id"),
        (mug("acme").with("params", Value::Null), "0903", "goods_id"),
        (mug("acme").with("params", json!([1, 2])), "2302", "params"),
        (mug("acme").with("params", json!("none")), "2302", "params"),
        (mug("acme").with("accepted_at", json!("9999-12-31T23:59:59Z")), "2302", "accepted_at"),
    ] {
        bench.publish(&request).await;
        let result = results.next().await;
        assert_eq!((result.message_id.clone(), result.code()), (request.job_id(), code));
        let message = result.json["message"].as_str().expect("a message");
        assert!(message.contains(named), "{message}");
        let status = caller.settled(&request.job_id()).await;
        assert_eq!(status.body["response"]["status"], "done");
        assert_eq!(status.body["response"]["result"]["error_code"], code);
    }
    assert_eq!(bench.depth("redeem.dead").await, 0);
    assert_eq!(site.number("select granted from goods").await, 0);
    site.audit();
    site.close().await;
}

#[tokio::test]
async fn a_request_that_no_queue_wants_is_kept_aside_and_decided() {
    let site = Site::with_clients().await;
    site.goods("acme", MUG);
    let bench = Bench::open(&site.amqp_url).await;
    bench.declare().await;
    let mut results = bench.results("acme.#").await;
    let binding = format!("bindings/{}/e/redeem.requests/q/redeem.requests/%23", site.name);
    management(Method::DELETE, &binding, None).await.expect("unbound");
    let request = mug("acme");
    bench.publish(&request).await;
    assert_eq!(bench.depth("redeem.requests").await, 0);
    assert_eq!(bench.depth("redeem.requests.spare").await, 1);

    let process = site.serve().await;
    assert_eq!(results.next().await.message_id, request.job_id());

    // Unbound once more, under a running worker: it consumes both queues.
    management(Method::DELETE, &binding, None).await.expect("unbound");
    let request = mug("acme");
    bench.publish(&request).await;
    let result = results.next().await;
    assert_eq!((result.message_id.clone(), result.code()), (request.job_id(), "0000"));
    assert_eq!(process.metric("redeemq_sessions_lost_total", "").await, 0.0);
    site.close().await;
}
