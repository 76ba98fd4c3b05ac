//! P6: apart. Nothing of one client is visible to, or changeable by, another.

use futures_util::future::join_all;
use harness::{Bench, Request, Site};
use serde_json::{Value, json};

fn redeem(name: &str, of: &str) -> Value {
    json!({name: of, "player_id": "p1", "amount": 1})
}

fn verify(group: &str, code: &str, pin: &str) -> Value {
    json!({"goods_group": group, "coupon_code": code, "pin_code": pin})
}

#[tokio::test]
async fn what_one_client_owns_another_can_neither_redeem_nor_verify() {
    let site = Site::with_clients().await;
    site.goods("acme", "goods_id,name,group\nmug,Mug,\nfilm,Film,tickets\n");
    site.coupons("acme", "tickets", "code\nA\n");
    let pin = site.branch("acme", "Riverside", "tickets");
    site.import(
        &["players", "import", "--client", "acme", "--import-id", "vip"],
        "player_id,asset,amount\nvip,point,1\n",
    );
    let process = site.serve().await;
    let (acme, zeta) = (site.caller(&process, "acme").await, site.caller(&process, "zeta").await);
    acme.decide("/Redeem/goodsGroup", &redeem("group", "tickets")).await;

    let vip = json!({"goods_id": "mug", "player_id": "vip", "amount": 1});
    for (path, params, code) in [
        ("/Redeem/goods", redeem("goods_id", "mug"), "0501"),
        ("/Redeem/goods", redeem("goods_id", "film"), "0501"),
        ("/Redeem/goodsGroup", redeem("group", "tickets"), "0501"),
        ("/Redeem/sponsor", redeem("goods_id", "mug"), "0501"),
        ("/Redeem/sponsorGroup", redeem("group", "tickets"), "0501"),
        ("/Redeem/goodsGroup/verify", verify("tickets", "A", &pin), "0602"),
        ("/Redeem/goods", vip, "0200"),
    ] {
        let answer = zeta.decide(path, &params).await;
        assert_eq!(answer.said(), (200, code), "{path}");
        assert!(answer.body["response"].is_null());
    }
    let own = acme.decide("/Redeem/goodsGroup/verify", &verify("tickets", "A", &pin)).await;
    assert_eq!(own.body["response"], json!({"success": true}));
    site.audit();
    site.close().await;
}

#[tokio::test]
async fn own_and_sponsored_goods_of_one_name_are_two_and_neither_answers_for_the_other() {
    let site = Site::with_clients().await;
    site.goods("acme", "goods_id,name,group\nmug,Own mug,\nown,Own,\nfilm,Own film,tickets\n");
    site.goods("@coke", "goods_id,name,group\nmug,Coke mug,\ncola,Cola,\nclip,Clip,clips\n");
    site.coupons("acme", "tickets", "code\nA\n");
    site.coupons("@coke", "clips", "code\nB\n");
    let process = site.serve().await;
    let caller = site.caller(&process, "acme").await;

    for (path, params, name) in [
        ("/Redeem/goods", redeem("goods_id", "mug"), Some("Own mug")),
        ("/Redeem/sponsor", redeem("goods_id", "mug"), Some("Coke mug")),
        ("/Redeem/goods", redeem("goods_id", "cola"), None),
        ("/Redeem/sponsor", redeem("goods_id", "own"), None),
        ("/Redeem/goodsGroup", redeem("group", "clips"), None),
        ("/Redeem/sponsorGroup", redeem("group", "tickets"), None),
        ("/Redeem/goodsGroup", redeem("group", "tickets"), Some("Own film")),
        ("/Redeem/sponsorGroup", redeem("group", "clips"), Some("Clip")),
    ] {
        let answer = caller.decide(path, &params).await;
        let expected = if name.is_some() { "0000" } else { "0501" };
        assert_eq!(answer.said(), (200, expected), "{path} {params}");
        let events = &answer.body["response"]["events"];
        assert_eq!(events[0]["goods_data"]["name"].as_str(), name, "{path} {params}");
    }
    site.close().await;
}

#[tokio::test]
async fn a_sponsored_coupon_of_one_clients_player_looks_like_nobodys_to_another() {
    let site = Site::with_clients().await;
    site.goods("@coke", "goods_id,name,group\nclip,Clip,clips\n");
    site.coupons("@coke", "clips", "code\nA\nB\n");
    let pin = site.branch("@coke", "Kiosk", "clips");
    let process = site.serve().await;
    let (acme, zeta) = (site.caller(&process, "acme").await, site.caller(&process, "zeta").await);
    let path = "/Redeem/goodsGroup/verify";
    acme.decide("/Redeem/sponsorGroup", &redeem("group", "clips")).await;

    let told = async |caller: &harness::Caller, code: &str| {
        let answer = caller.decide(path, &verify("clips", code, &pin)).await;
        (answer.code().to_owned(), answer.message().to_owned(), answer.body["response"].clone())
    };
    let nobodys = told(&zeta, "B").await;
    assert_eq!(nobodys.0, "0502");
    assert_eq!(told(&zeta, "A").await, nobodys);
    assert_eq!(told(&acme, "A").await.2, json!({"success": true}));
    assert_eq!(told(&zeta, "A").await, nobodys, "nor is its use told");
    site.close().await;
}

#[tokio::test]
async fn one_key_of_two_clients_is_two_jobs_and_each_sees_only_its_own() {
    let site = Site::with_clients().await;
    site.goods("acme", "goods_id,name,quantity\nmug,Mug,1\n");
    site.goods("zeta", "goods_id,name,quantity\nmug,Mug,1\n");
    let process = site.serve().await;
    let bench = Bench::open(&site.amqp_url).await;
    let mut of_acme = bench.results("acme.#").await;
    let callers = [site.caller(&process, "acme").await, site.caller(&process, "zeta").await];

    let mug = redeem("goods_id", "mug");
    let once = callers.iter().map(|one| one.decide_once("/Redeem/goods", "order-1", &mug));
    for answer in join_all(once).await {
        assert_eq!(answer.said(), (200, "0000"));
    }
    assert_eq!(site.number("select count(*) from ledger where code = '0000'").await, 2);
    assert_eq!(site.number("select count(distinct job_key) from ledger").await, 2);

    let ids = callers.iter().map(async |caller| {
        let request = caller.request(reqwest::Method::POST, "/Redeem/goods");
        let request = request.header("Idempotency-Key", "order-1");
        caller.send(request.json(&mug)).await.job_id()
    });
    let ids = join_all(ids).await;
    let published = Request::new("acme", "goods", &mug);
    bench.publish(&published).await;
    let [acme, zeta] = &callers;
    for (caller, id, is_own) in [
        (acme, &ids[0], true),
        (acme, &ids[1], false),
        (zeta, &ids[0], false),
        (zeta, &ids[1], true),
        (acme, &published.job_id(), true),
        (zeta, &published.job_id(), false),
    ] {
        let status = if is_own {
            caller.settled(id).await
        } else {
            caller.get(&format!("/Redeem/jobs/{id}")).await
        };
        assert_eq!(status.said(), if is_own { (200, "0000") } else { (404, "3002") }, "{id}");
    }
    for result in of_acme.take(3).await {
        assert_eq!(result.json["client_id"], "acme");
        assert_eq!(result.routing_key, "acme.goods");
    }
    site.close().await;
}

#[tokio::test]
async fn balances_limits_and_caps_are_counted_for_each_client_alone() {
    let site = Site::with_clients().await;
    site.goods("@coke", "goods_id,name,per_player,per_client,price\ncola,Cola,1,2,point=1000\n");
    let process = site.serve().await;
    let take = async |client: &str, player: &str| {
        let caller = site.caller(&process, client).await;
        let params = json!({"goods_id": "cola", "player_id": player, "amount": 1});
        caller.decide("/Redeem/sponsor", &params).await.code().to_owned()
    };
    for client in ["acme", "zeta"] {
        assert_eq!(take(client, "p1").await, "0000", "{client}");
        assert_eq!(take(client, "p1").await, "0601", "{client}");
        assert_eq!(take(client, "p2").await, "0000", "{client}");
        assert_eq!(take(client, "p3").await, "0604", "{client}");
    }
    site.audit();
    site.close().await;
}
