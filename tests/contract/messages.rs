//! Messages as they are seen on the wire, judged by the document.

use crate::schemas::{assert_fits, assert_needs_every_field, faults};
use harness::tools;
use harness::{Bench, Caller, Reader, Request, Site};
use redeemq::broker;
use redeemq::domain::operation::Operation;
use serde_json::{Value, json};

fn message<'a>(document: &'a Value, name: &str) -> &'a Value {
    &document["components"]["messages"][name]["payload"]
}

/// A world in which each operation can succeed; the PIN of its branch.
async fn world(site: &Site) -> String {
    site.goods("acme", "goods_id,name,group,quantity,per_player,price\nmug,Mug,,10,2,point=1;badge:gold=1;custom:gem=1\nfilm,Film,tickets,,,\n");
    site.coupons("acme", "tickets", "code,expires_at\nA,2999-01-01T00:00:00Z\nB,\n");
    site.goods("@coke", "goods_id,name,group,quantity\ncola,Cola,,9\nclip,Clip,clips,\n");
    site.coupons("@coke", "clips", "code\nC\nD\n");
    site.branch("acme", "Main Street", "tickets")
}

/// Sends one job over HTTP; its request and its result, as they travelled.
async fn travelled(
    caller: &Caller,
    seen: (&mut Reader, &mut Reader),
    path: &str,
    params: &Value,
) -> (Value, Value) {
    let job = caller.post(path, params).await.job_id();
    let (request, result) = (seen.0.next_of_any_kind().await, seen.1.next_of_any_kind().await);
    assert_eq!((request.json["job_id"].as_str(), &result.message_id), (Some(job.as_str()), &job));
    (request.json, result.json)
}

#[tokio::test]
async fn requests_and_results_of_all_operations_and_refusals_are_as_the_document_tells() {
    let document = broker::asyncapi::document();
    let site = Site::with_clients().await;
    let pin = world(&site).await;
    let process = site.serve().await;
    let caller = site.caller(&process, "acme").await;
    let bench = Bench::open(&site.amqp_url).await;
    let mut results = bench.results("acme.#").await;
    bench.queue("seen", None, &[]).await;
    bench.bind("seen", "redeem.requests", "#").await;
    let mut requests = bench.read("seen").await;

    let redeem = |name: &str, of: &str, n: i64| json!({name: of, "player_id": "p1", "amount": n});
    let codes = redeem("group", "tickets", 2);
    let verify = |code: &str, pin: &str| json!({"goods_group": "tickets", "coupon_code": code, "pin_code": pin});
    for (operation, path, params, code) in [
        (Operation::Goods, "goods", redeem("goods_id", "mug", 1), "0000"),
        (Operation::GoodsGroup, "goodsGroup", codes, "0000"),
        (Operation::Sponsor, "sponsor", redeem("goods_id", "cola", 1), "0000"),
        (Operation::SponsorGroup, "sponsorGroup", redeem("group", "clips", 1), "0000"),
        (Operation::Verify, "goodsGroup/verify", verify("A", &pin), "0000"),
        (Operation::Verify, "goodsGroup/verify", verify("A", &pin), "0000"),
        (Operation::Verify, "goodsGroup/verify", verify("B", "wrong"), "0608"),
        (Operation::Goods, "goods", redeem("goods_id", "mug", 2), "0601"),
        (Operation::Goods, "goods", redeem("goods_id", "nothing", 1), "0501"),
    ] {
        let path = format!("/Redeem/{path}");
        let (request, result) =
            travelled(&caller, (&mut requests, &mut results), &path, &params).await;
        assert_fits(&document, message(&document, operation.as_str()), &request);
        assert_needs_every_field(&document, message(&document, operation.as_str()), &request);
        assert_eq!(result["error_code"], code, "{result}");
        assert_fits(&document, message(&document, "decision"), &result);
        assert_needs_every_field(&document, message(&document, "decision"), &result);
        let misnamed = faults(&document, message(&document, "notice"), &result);
        assert!(!misnamed.is_empty(), "a decision is no notice");
    }
    site.audit();
    site.close().await;
}

#[tokio::test]
async fn repeats_and_notices_are_as_the_document_tells() {
    let document = broker::asyncapi::document();
    let site = Site::with_clients().await;
    world(&site).await;
    let _process = site.serve().await;
    let bench = Bench::open(&site.amqp_url).await;
    let mut results = bench.results("acme.#").await;
    let params = json!({"goods_id": "mug", "player_id": "p1", "amount": 1});
    let request = Request::new("acme", "goods", &params);
    for is_replayed in [false, true] {
        bench.publish(&request).await;
        let result = results.of(&request).await;
        assert_eq!(result.is_replayed, is_replayed);
        assert_fits(&document, message(&document, "decision"), &result.json);
    }
    for broken in [("operation", json!("refund")), ("v", json!(99))] {
        let request = Request::new("acme", "goods", &params).with(broken.0, broken.1);
        let sent = serde_json::from_slice(&request.body).expect("JSON");
        assert!(!faults(&document, message(&document, "goods"), &sent).is_empty(), "{sent}");
        bench.publish(&request).await;
        let notice = results.next_of_any_kind().await;
        assert_fits(&document, message(&document, "notice"), &notice.json);
        assert_needs_every_field(&document, message(&document, "notice"), &notice.json);
    }
    site.close().await;
}

#[test]
fn the_document_is_asyncapi() {
    let specs = tools::node("asyncapi", "@asyncapi/specs@6.11.1");
    let path = specs.join("node_modules/@asyncapi/specs/schemas/3.0.0.json");
    let schema = std::fs::read_to_string(&path).expect("the schema of AsyncAPI 3.0");
    let schema: Value = serde_json::from_str(&schema).expect("JSON");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let mut document = broker::asyncapi::document();
    let faults: Vec<String> = validator.iter_errors(&document).map(|f| f.to_string()).collect();
    assert!(faults.is_empty(), "{faults:?}");
    document["operations"]["take"]["action"] = json!("swallow");
    assert!(!validator.is_valid(&document), "the schema refuses what is none");
}
