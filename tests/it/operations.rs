//! The redeem operations end to end: what is granted, what it costs, and why it is refused.

use harness::{Answer, Caller, Site};
use serde_json::{Value, json};

fn redeem(name: &str, of: &str, player: &str, amount: i64) -> Value {
    json!({name: of, "player_id": player, "amount": amount})
}

async fn granted(caller: &Caller, path: &str, params: &Value) -> Value {
    let answer = caller.decide(path, params).await;
    assert_eq!(answer.said(), (200, "0000"), "{}", answer.text);
    answer.body["response"].clone()
}

fn codes(response: &Value) -> Vec<String> {
    let events = response["events"].as_array().expect("events");
    let code = |event: &Value| event["goods_data"]["code"].as_str().expect("a code").to_owned();
    events.iter().map(code).collect()
}

#[tokio::test]
async fn goods_are_granted_in_one_event_that_says_all_of_them_and_paid_for() {
    let site = Site::with_clients().await;
    site.goods(
        "acme",
        "goods_id,name,quantity,per_player,price,starts_at,ends_at\n\
         mug,\"Mug, blue\",10,5,point=50;badge:gold=1;custom:gem=2,2026-01-01T00:00:00Z,2999-01-01T00:00:00Z\n\
         air,Air,,,,,\n",
    );
    let process = site.serve().await;
    let caller = site.caller(&process, "acme").await;

    let mug = granted(&caller, "/Redeem/goods", &redeem("goods_id", "mug", "p1", 2)).await;
    let air = granted(&caller, "/Redeem/goods", &redeem("goods_id", "air", "p1", 10_000)).await;

    let event = &mug["events"][0];
    assert_eq!(mug["events"].as_array().map(Vec::len), Some(1));
    assert_eq!((&event["event_type"], &event["value"]), (&json!("GOODS_RECEIVED"), &json!(2)));
    let facts = json!({
        "goods_id": "mug", "name": "Mug, blue", "quantity": 10, "per_user": 5,
        "redeem": {
            "point": {"point_value": 50},
            "badge": [{"badge_id": "gold", "badge_value": 1}],
            "custom": [{"custom_id": "gem", "custom_name": "gem", "custom_value": 2}],
        },
        "date_start": "2026-01-01T00:00:00Z", "date_expire": "2999-01-01T00:00:00Z",
        "sponsor": null, "group": null, "code": null,
    });
    assert_eq!(event["goods_data"], facts);
    let facts = json!({
        "goods_id": "air", "name": "Air", "quantity": null, "per_user": null,
        "redeem": {"point": {"point_value": 0}, "badge": [], "custom": []},
        "date_start": null, "date_expire": null, "sponsor": null, "group": null, "code": null,
    });
    assert_eq!(air["events"][0]["goods_data"], facts);
    assert_eq!(air["events"][0]["value"], 10_000);

    let entry = "select job_key::text from ledger where code = '0000' order by decided_at";
    let entries = sqlx::query_scalar::<_, String>(entry).fetch_all(&site.store).await;
    assert_eq!(
        entries.expect("entries"),
        [&mug, &air].map(|r| r["log_id"].as_str().expect("an id"))
    );
    let left = "select string_agg(asset || '=' || amount, ' ' order by asset) from balance \
                where client_id = 'acme' and player_id = 'p1'";
    let left = sqlx::query_scalar::<_, String>(left).fetch_one(&site.store).await;
    assert_eq!(left.expect("balances"), "badge:gold=3 custom:gem=1 point=900");
    site.audit();
    site.close().await;
}

#[tokio::test]
async fn a_group_gives_as_many_different_codes_each_in_an_event_of_its_own() {
    let site = Site::with_clients().await;
    site.goods("acme", "goods_id,name,group,price,coupon_expires_at\nfilm,Film,tickets,point=1,2999-01-01T00:00:00Z\n");
    site.coupons("acme", "tickets", "code,expires_at\nA,\nB,2998-01-01T00:00:00Z\nC,\nD,\nE,\n");
    let process = site.serve().await;
    let caller = site.caller(&process, "acme").await;

    let three = granted(&caller, "/Redeem/goodsGroup", &redeem("group", "tickets", "p1", 3)).await;
    let by_id = granted(&caller, "/Redeem/goods", &redeem("goods_id", "film", "p2", 2)).await;

    for event in three["events"].as_array().expect("events") {
        assert_eq!((&event["event_type"], &event["value"]), (&json!("GOODS_RECEIVED"), &json!(1)));
        let facts = &event["goods_data"];
        assert_eq!((&facts["goods_id"], &facts["group"]), (&json!("film"), &json!("tickets")));
        let expiry =
            if facts["code"] == "B" { "2998-01-01T00:00:00Z" } else { "2999-01-01T00:00:00Z" };
        assert_eq!(facts["coupon_expires_at"], expiry);
    }
    let mut all = [codes(&three), codes(&by_id)].concat();
    assert_eq!((codes(&three).len(), codes(&by_id).len()), (3, 2));
    all.sort_unstable();
    assert_eq!(all, ["A", "B", "C", "D", "E"]);

    let none = caller.decide("/Redeem/goodsGroup", &redeem("group", "tickets", "p1", 1)).await;
    assert_eq!(none.said(), (200, "0604"));
    assert_eq!(none.body["refused_by"], json!([{"cap": "codes", "left": 0, "needed": 1}]));
    site.audit();
    site.close().await;
}

#[tokio::test]
async fn sponsored_goods_are_for_every_client_and_paid_in_the_calling_ones_points() {
    let site = Site::with_clients().await;
    site.goods(
        "@coke",
        "goods_id,name,group,quantity,price\ncola,Cola,,10,point=10\nclip,Clip,clips,,point=1\n",
    );
    site.coupons("@coke", "clips", "code\nA\nB\n");
    let process = site.serve().await;
    for (client, code) in [("acme", "A"), ("zeta", "B")] {
        let caller = site.caller(&process, client).await;
        let cola = granted(&caller, "/Redeem/sponsor", &redeem("goods_id", "cola", "p1", 2)).await;
        let clip =
            granted(&caller, "/Redeem/sponsorGroup", &redeem("group", "clips", "p1", 1)).await;

        assert_eq!(cola["events"][0]["goods_data"]["sponsor"], "coke");
        assert_eq!(cola["events"][0]["value"], 2);
        assert_eq!(clip["events"][0]["goods_data"]["sponsor"], "coke");
        assert_eq!(codes(&clip), [code]);
    }
    let paid =
        "select count(*) from balance where player_id = 'p1' and asset = 'point' and amount = 979";
    assert_eq!(
        sqlx::query_scalar::<_, i64>(paid).fetch_one(&site.store).await.expect("a count"),
        2
    );
    site.audit();
    site.close().await;
}

fn assert_refused(answer: &Answer, code: &str, message: &str, by: Value) {
    assert_eq!(answer.said(), (200, code), "{}", answer.text);
    assert_eq!(answer.message(), message);
    assert_eq!(answer.body["refused_by"], by, "{}", answer.text);
}

#[tokio::test]
async fn a_refusal_says_which_cap_refused_and_what_was_left() {
    let site = Site::with_clients().await;
    site.goods(
        "acme",
        "goods_id,name,group,quantity,per_player,per_client,price,starts_at,ends_at\n\
         few,Few,,3,,,,,\n\
         one-each,One each,,,1,,,,\n\
         none,None,,0,,,,,\n\
         past,Past,,,,,,,2020-01-01T00:00:00Z\n\
         future,Future,,,,,,2999-01-01T00:00:00Z,\n\
         dear,Dear,,,,,point=501,,\n\
         golden,Golden,,,,,badge:gold=2;badge:tin=1;point=1,,\n\
         gems,Gems,,,,,custom:gem=3;custom:ore=1,,\n",
    );
    site.goods("@coke", "goods_id,name,quantity,per_client\ncola,Cola,100,2\n");
    let process = site.serve().await;
    let caller = site.caller(&process, "acme").await;
    let by =
        |cap: &str, left: i64, needed: i64| json!({"cap": cap, "left": left, "needed": needed});
    granted(&caller, "/Redeem/goods", &redeem("goods_id", "few", "p1", 1)).await;
    granted(&caller, "/Redeem/goods", &redeem("goods_id", "one-each", "p1", 1)).await;

    for (goods, player, amount, code, message, refused_by) in [
        ("few", "nobody", 1, "0200", "User doesn't exist", Value::Null),
        ("nothing", "p1", 1, "0501", "Goods not available", Value::Null),
        (
            "one-each",
            "p1",
            1,
            "0601",
            "User has exceeded redeem limit",
            json!([by("per_player", 0, 1)]),
        ),
        (
            "one-each",
            "p2",
            2,
            "0601",
            "User has exceeded redeem limit",
            json!([by("per_player", 1, 2)]),
        ),
        ("past", "p1", 1, "0603", "Goods is not available to redeem", Value::Null),
        ("future", "p1", 1, "0603", "Goods is not available to redeem", Value::Null),
        ("few", "p1", 3, "0604", "Goods is not enough to redeem", json!([by("stock", 2, 3)])),
        ("none", "p1", 1, "0604", "Goods is not enough to redeem", json!([by("stock", 0, 1)])),
        (
            "dear",
            "p1",
            2,
            "0605",
            "Point is not enough to redeem",
            json!([by("point", 1000, 1002)]),
        ),
        (
            "golden",
            "p1",
            3,
            "0606",
            "Badge is not enough to redeem",
            json!([by("badge:gold", 5, 6), by("badge:tin", 0, 3)]),
        ),
        (
            "gems",
            "p1",
            2,
            "0607",
            "gem,ore is not enough to redeem",
            json!([by("custom:gem", 5, 6), by("custom:ore", 0, 2)]),
        ),
    ] {
        let answer =
            caller.decide("/Redeem/goods", &redeem("goods_id", goods, player, amount)).await;
        assert_refused(&answer, code, message, refused_by);
    }
    let answer = caller.decide("/Redeem/sponsor", &redeem("goods_id", "cola", "p1", 3)).await;
    let message = "Goods is not enough to redeem";
    assert_refused(&answer, "0604", message, json!([by("per_client", 2, 3)]));
    let answer = caller.decide("/Redeem/goodsGroup", &redeem("group", "few", "p1", 1)).await;
    assert_refused(&answer, "0501", "Goods not available", Value::Null);

    assert_eq!(site.number("select count(*) from ledger").await, 15, "refusals are stored too");
    assert_eq!(site.number("select sum(granted)::bigint from goods").await, 2);
    site.audit();
    site.close().await;
}
