//! Least privilege: with the users that `deploy/` makes everything works, and nothing else does.

mod books;
mod broker;
mod sight;

use harness::rights::{self, PASSWORD, as_user};
use harness::{Bench, Caller, Process, Request, Role, Site, eventually};
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::Executor as _;

/// A site whose users are made as a deployment makes them, the broker's being those of its own.
async fn site_with_users() -> (Site, Bench) {
    let site = Site::open().await;
    let empty = "drop schema public cascade; create schema public authorization pg_database_owner";
    site.store.execute(empty).await.expect("an empty database");
    rights::give(&site.database_url).await;
    let owner = as_user(&site.database_url, "redeemq_test_owner", PASSWORD);
    let migrated = site.run_with(&["migrate"], &[("DATABASE_URL", &owner)]);
    assert!(migrated.status.success(), "{}", String::from_utf8_lossy(&migrated.stderr));
    rights::give(&site.database_url).await;
    rights::make_broker_users(&site, &[]);
    let bench = Bench::open(&site.amqp_url).await;
    (site, bench)
}

async fn remove(site: Site) {
    for user in ["ingress", "worker", "operator"] {
        rights::remove_broker_user(&site.name, user).await;
    }
    site.close().await;
}

/// The broker as one of its users.
fn broker_of(site: &Site, user: &str) -> String {
    as_user(&site.amqp_url, &format!("{}_{user}", site.name), PASSWORD)
}

async fn ingress(site: &Site) -> Process {
    site.launch(Role::Ingress, &[("AMQP_URL", &broker_of(site, "ingress"))]).await
}

async fn worker(site: &Site) -> Process {
    let broker = broker_of(site, "worker");
    site.start(Role::Worker, &[("AMQP_URL", &broker), ("REDEEMQ_AUDIT_EVERY_SECONDS", "1")]).await
}

/// An operator's command with the operator's users.
fn operate(site: &Site, arguments: &[&str]) -> Value {
    let output = site.run_with(
        &[arguments, &["--json"]].concat(),
        &[("AMQP_URL", &broker_of(site, "operator"))],
    );
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {complaints}");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

async fn ready(caller: &Caller) -> bool {
    caller.get("/readyz").await.status == 200
}

async fn sell(site: &Site) -> (Value, String) {
    let acme = operate(site, &["client", "create", "acme"]);
    let players = "player_id,asset,amount\np1,point,1000\np1,badge:gold,5\n";
    site.import(&["players", "import", "--client", "acme", "--import-id", "1"], players);
    site.goods("acme", "goods_id,name,group,quantity,per_player,per_client,price\nmug,Mug,,10,5,9,point=5;badge:gold=1\nfilm,Film,tickets,,2,,\n");
    site.goods("@coke", "goods_id,name,group,per_client\ncola,Cola,,3\nclip,Clip,clips,\n");
    site.coupons("acme", "tickets", "code\nTICKET-0001\nTICKET-0002\n");
    site.coupons("@coke", "clips", "code\nCLIP-000001\n");
    let pin = site.branch("acme", "Riverside", "tickets");
    (acme, pin)
}

#[tokio::test]
async fn the_whole_system_works_with_users_that_may_do_no_more_than_they_must() {
    let (site, bench) = site_with_users().await;
    let (acme, pin) = sell(&site).await;
    let (worker, ingress) = tokio::join!(worker(&site), ingress(&site));
    let mut caller = Caller::stranger(&ingress);
    eventually("the ingress is ready", async || ready(&caller).await).await;

    let pair = json!({"api_key": acme["api_key"], "api_secret": acme["api_secret"]});
    for path in ["/Auth", "/Auth/renew", "/Auth"] {
        let answer = caller.post(path, &pair).await;
        assert_eq!(answer.said(), (200, "0000"), "{path}");
        let token = answer.body["response"]["token"].as_str().expect("a token");
        caller = Caller::with_token(&ingress, token);
    }
    let redeem = |name: &str, of: &str| json!({name: of, "player_id": "p1", "amount": 1});
    let verify = |pin: &str| json!({"goods_group": "tickets", "coupon_code": "TICKET-0001", "pin_code": pin});
    for (path, params, code) in [
        ("/Redeem/goods", redeem("goods_id", "mug"), "0000"),
        ("/Redeem/goodsGroup", redeem("group", "tickets"), "0000"),
        ("/Redeem/sponsor", redeem("goods_id", "cola"), "0000"),
        ("/Redeem/sponsorGroup", redeem("group", "clips"), "0000"),
        ("/Redeem/sponsorGroup", redeem("group", "clips"), "0604"),
        ("/Redeem/goodsGroup/verify", verify("wrong-pin"), "0608"),
        ("/Redeem/goodsGroup/verify", verify(&pin), "0000"),
    ] {
        let answer = caller.decide(path, &params).await;
        assert_eq!(answer.said(), (200, code), "{path}: {}", answer.text);
    }
    let request = caller.request(Method::POST, "/Redeem/goods");
    let queued = caller.send(request.json(&redeem("goods_id", "mug"))).await;
    let status = caller.settled(&queued.job_id()).await;
    assert_eq!(status.body["response"]["status"], "done", "{}", status.text);
    eventually("the worker has audited the books", async || {
        worker.page().await.contains("redeemq_audit_broken 0")
    })
    .await;
    assert_eq!(worker.metric("redeemq_audit_failing", "").await, 0.0);
    the_dead_are_looked_after(&site, &bench).await;
    for command in [
        &["client", "list"][..],
        &["client", "disable", "acme"],
        &["client", "enable", "acme"],
        &["client", "set", "acme", "--answers", "sync"],
        &["client", "new-secret", "acme", "--overlap", "1h"],
        &["client", "revoke-tokens", "acme"],
        &["log"],
        &["branch", "list"],
        &["branch", "disable", "1"],
        &["branch", "new-pin", "1"],
        &["audit"],
    ] {
        operate(&site, command);
    }
    remove(site).await;
}

async fn the_dead_are_looked_after(site: &Site, bench: &Bench) {
    let redeem = json!({"goods_id": "mug", "player_id": "p1", "amount": 1});
    let mug = || Request::new("acme", "goods", &redeem);
    let (dropped, unversioned) = (mug().with("v", json!(9)), mug().with("v", json!(9)));
    let decided = mug().reply_to("redeem.reply.mine");
    let mut results = bench.results("acme.#").await;
    bench.queue("redeem.reply.mine", None, &[]).await;
    bench.publish(&decided).await;
    assert_eq!(results.of(&decided).await.code(), "0000");
    bench.publish(&dropped).await;
    bench.publish(&unversioned).await;
    bench.put("redeem.dead", &decided).await;
    eventually("three lie there", async || bench.depth("redeem.dead").await == 3).await;

    let [dropped, unversioned, decided] = [dropped, unversioned, decided].map(|r| r.job_id());
    assert_eq!(operate(site, &["dead", "list"]).as_array().map(Vec::len), Some(3));
    operate(site, &["dead", "show", &dropped]);
    operate(site, &["dead", "drop", &dropped]);
    let answered = operate(site, &["dead", "replay", &decided]);
    assert!(answered[0]["done"].as_str().is_some_and(|done| done.contains("was decided")));
    assert_eq!(bench.depth("redeem.reply.mine").await, 2, "the copy of a replay arrives as well");
    operate(site, &["dead", "replay", &unversioned]);
    eventually("it died again", async || bench.depth("redeem.dead").await == 1).await;
}

#[tokio::test]
async fn an_ingress_that_may_declare_nothing_refuses_until_a_worker_has_declared() {
    let (site, _bench) = site_with_users().await;
    operate(&site, &["client", "create", "acme"]);
    let ingress = ingress(&site).await;
    let caller = site.caller(&ingress, "acme").await;
    let mug = json!({"goods_id": "mug", "player_id": "p1", "amount": 1});

    ingress.logged_containing("redeem.requests does not exist").await;
    assert_eq!(caller.post("/Redeem/goods", &mug).await.said(), (503, "3003"));
    assert!(!ready(&caller).await);

    let _worker = worker(&site).await;
    eventually("the ingress is ready", async || ready(&caller).await).await;
    assert_eq!(caller.decide("/Redeem/goods", &mug).await.said(), (200, "0200"));
    remove(site).await;
}
