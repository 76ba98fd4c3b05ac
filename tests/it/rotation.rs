//! P2 and P4 across a rotation of secrets: what was given before goes on working, and a key stays
//! the key of one job.

use harness::{Caller, Process, Role, SECRET, Site};
use reqwest::Method;
use serde_json::{Value, json};

const NEW: &str = "the-second-secret-of-every-test-32";

fn mug() -> Value {
    json!({"goods_id": "mug", "player_id": "p1", "amount": 1})
}

fn both() -> String {
    format!("{NEW},{SECRET}")
}

async fn site_with_mugs() -> Site {
    let site = Site::with_clients().await;
    site.goods("acme", "goods_id,name,group\nmug,Mug,\nfilm,Film,tickets\n");
    site.coupons("acme", "tickets", "code\nA\nB\n");
    site
}

async fn queue(caller: &Caller, key: &str) -> String {
    let request = caller.request(Method::POST, "/Redeem/goods").header("Idempotency-Key", key);
    let answer = caller.send(request.json(&mug())).await;
    assert_eq!(answer.said(), (202, "0000"));
    answer.job_id()
}

fn after(process: &Process, before: &Caller) -> Caller {
    Caller::with_token(process, &before.token)
}

#[tokio::test]
async fn tokens_ids_keys_and_pins_from_before_a_rotation_go_on_working() {
    let site = site_with_mugs().await;
    let pin = site.branch("acme", "Riverside", "tickets");
    let process = site.serve().await;
    let caller = site.caller(&process, "acme").await;
    let first = caller.decide_once("/Redeem/goods", "order-1", &mug()).await;
    let codes = json!({"group": "tickets", "player_id": "p1", "amount": 1});
    assert_eq!(caller.decide("/Redeem/goodsGroup", &codes).await.said(), (200, "0000"));
    let done = queue(&caller, "order-1").await;
    process.terminate().await;
    // Accepted before the rotation, decided after it.
    let ingress = site.start(Role::Ingress, &[]).await;
    let queued = queue(&after(&ingress, &caller), "order-2").await;
    ingress.terminate().await;

    let process = site.start(Role::Serve, &[("REDEEMQ_SECRET", &both())]).await;
    let caller = after(&process, &caller);
    for id in [&done, &queued] {
        let status = caller.settled(id).await;
        assert_eq!(status.body["response"]["result"]["error_code"], "0000", "{}", status.text);
    }
    assert_eq!(caller.decide_once("/Redeem/goods", "order-1", &mug()).await.text, first.text);
    let verify = json!({"goods_group": "tickets", "coupon_code": "A", "pin_code": pin});
    let verified = caller.decide("/Redeem/goodsGroup/verify", &verify).await;
    assert_eq!(verified.body["response"], json!({"success": true}));

    let status = caller.settled(&queue(&caller, "order-2").await).await;
    assert_eq!(status.body["response"]["result"]["error_code"], "0000");
    assert_eq!(site.number("select granted from goods where goods_id = 'mug'").await, 2);
    site.close().await;
}

#[tokio::test]
async fn ingresses_in_the_middle_of_a_rotation_take_each_others_tokens_and_ids() {
    let site = site_with_mugs().await;
    let (old_first, new_first) = (format!("{SECRET},{NEW}"), both());
    let (old_first, new_first) =
        ([("REDEEMQ_SECRET", old_first.as_str())], [("REDEEMQ_SECRET", new_first.as_str())]);
    let (one, two) =
        tokio::join!(site.start(Role::Ingress, &old_first), site.start(Role::Ingress, &new_first));
    let by_old = Caller::with_token_signed_by(SECRET, &one, "acme", 0);
    let by_new = Caller::with_token_signed_by(NEW, &two, "acme", 0);

    for (giver, other) in [(&by_old, after(&two, &by_old)), (&by_new, after(&one, &by_new))] {
        let id = queue(giver, "order").await;
        let status = other.get(&format!("/Redeem/jobs/{id}")).await;
        assert_eq!(status.said(), (200, "0000"));
        assert_eq!(status.body["response"]["status"], "queued");
    }

    let _worker = site.start(Role::Worker, &new_first).await;
    for caller in [&by_old, &by_new] {
        let status = caller.settled(&queue(caller, "order").await).await;
        assert_eq!(status.body["response"]["status"], "done");
    }
    assert_eq!(site.number("select granted from goods where goods_id = 'mug'").await, 1);
    site.close().await;
}

#[tokio::test]
async fn a_key_is_one_job_and_its_answer_fetchable_even_when_the_secret_of_that_time_is_gone() {
    let site = site_with_mugs().await;
    let process = site.serve().await;
    let caller = site.caller(&process, "acme").await;
    let first = caller.decide_once("/Redeem/goods", "order-1", &mug()).await;
    assert_eq!(first.said(), (200, "0000"));
    let id = queue(&caller, "order-1").await;
    process.terminate().await;

    let process = site.start(Role::Serve, &[("REDEEMQ_SECRET", NEW)]).await;
    assert_eq!(after(&process, &caller).post("/Redeem/goods", &mug()).await.said(), (401, "0900"));
    let caller = Caller::with_token_signed_by(NEW, &process, "acme", 0);
    let again = caller.decide_once("/Redeem/goods", "order-1", &mug()).await;
    let other = json!({"goods_id": "mug", "player_id": "p1", "amount": 2});
    let other = caller.decide_once("/Redeem/goods", "order-1", &other).await;

    assert_eq!(again.text, first.text);
    assert_eq!(other.said(), (422, "3001"));
    let status = caller.get(&format!("/Redeem/jobs/{id}")).await;
    assert_eq!(status.body["response"]["result"]["response"], first.body["response"]);
    let other_client = Caller::with_token_signed_by(NEW, &process, "zeta", 0);
    assert_eq!(other_client.get(&format!("/Redeem/jobs/{id}")).await.said(), (404, "3002"));
    assert_eq!(site.number("select granted from goods where goods_id = 'mug'").await, 1);
    site.close().await;
}
