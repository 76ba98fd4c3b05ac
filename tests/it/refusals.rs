//! What the front door refuses before anything is published: which status, which code, which names.

use crate::http::operations;
use harness::{Bench, Caller, Process, Role, Site};
use reqwest::Method;
use serde_json::{Value, json};

/// A front door without anything behind it.
pub async fn front_door() -> (Site, Process, Caller) {
    let site = Site::open().await;
    let process = site.start(Role::Ingress, &[]).await;
    let caller = Caller::with_minted_token(&process, "acme", 0);
    (site, process, caller)
}

pub async fn assert_nothing_was_published(site: Site) {
    let bench = Bench::open(&site.amqp_url).await;
    assert_eq!(bench.depth("redeem.requests").await, 0);
    site.close().await;
}

fn missing(names: &str) -> String {
    format!("Invalid parameter , [ {names} ] require , must not be blank or special character")
}

#[tokio::test]
async fn every_missing_parameter_is_named_in_one_answer() {
    let (site, _process, caller) = front_door().await;
    for (operation, path, params) in operations() {
        let names = match operation {
            "verify" => "goods_group , coupon_code , pin_code",
            "goods" | "sponsor" => "goods_id , player_id , amount",
            _ => "group , player_id , amount",
        };
        let mut blank = params.clone();
        for (i, (_, value)) in blank.as_object_mut().expect("parameters").iter_mut().enumerate() {
            *value = [json!(""), json!(" \t"), Value::Null][i % 3].clone();
        }
        for nothing in [json!({}), blank] {
            let answer = caller.post(path, &nothing).await;
            assert_eq!(answer.said(), (400, "0903"), "{path} {nothing}");
            assert_eq!(answer.message(), missing(names));
        }
        let empty = caller.send(caller.request(Method::POST, path)).await;
        assert_eq!((empty.said(), empty.message()), ((400, "0903"), missing(names).as_str()));
    }
    let answer = caller.post("/Redeem/goods", &json!({"goods_id": "mug", "amount": -5})).await;
    assert_eq!((answer.said(), answer.message()), ((400, "0903"), missing("player_id").as_str()));
    assert_nothing_was_published(site).await;
}

#[tokio::test]
async fn every_unacceptable_parameter_is_named_in_one_answer() {
    let (site, _process, caller) = front_door().await;
    let long = "x".repeat(129);
    let wide = "é".repeat(65);
    let redeem = |goods_id: Value, player_id: Value, amount: Value| {
        ("/Redeem/goods", json!({"goods_id": goods_id, "player_id": player_id, "amount": amount}))
    };
    let verify = json!({"goods_group": "a\u{7f}", "coupon_code": long, "pin_code": 1_234_567});
    let group = json!({"group": [], "player_id": {}, "amount": true});
    let cases = [
        (redeem(json!(long), json!("p1"), json!(1)), "0503", "Invalid goods id"),
        (redeem(json!("a\u{0}b"), json!("p1"), json!(1)), "0503", "Invalid goods id"),
        (redeem(json!("mug"), json!(wide), json!(1)), "2302", "Invalid parameter , [ player_id ]"),
        (redeem(json!("mug"), json!(7), json!(1)), "2302", "Invalid parameter , [ player_id ]"),
        (
            redeem(json!(long), json!("a\nb"), json!(0)),
            "2302",
            "Invalid parameter , [ goods_id , player_id , amount ]",
        ),
        (
            ("/Redeem/sponsorGroup", group),
            "2302",
            "Invalid parameter , [ group , player_id , amount ]",
        ),
        (
            ("/Redeem/goodsGroup/verify", verify),
            "2302",
            "Invalid parameter , [ goods_group , coupon_code , pin_code ]",
        ),
    ];
    for ((path, params), code, message) in cases {
        let answer = caller.post(path, &params).await;
        assert_eq!((answer.said(), answer.message()), ((400, code), message), "{path} {params}");
    }
    let longest = redeem(json!("x".repeat(128)), json!("é".repeat(64)), json!(1)).1;
    assert_eq!(caller.post("/Redeem/goods", &longest).await.said(), (202, "0000"));
    site.close().await;
}

#[tokio::test]
async fn an_amount_is_a_whole_number_from_1_to_10000() {
    let (site, _process, caller) = front_door().await;
    let post = async |amount: Value| {
        let params = json!({"goods_id": "mug", "player_id": "p1", "amount": amount});
        caller.post("/Redeem/goods", &params).await
    };
    for good in [json!(1), json!(10_000), json!("1"), json!("10000")] {
        assert_eq!(post(good.clone()).await.said(), (202, "0000"), "{good}");
    }
    let (numbers, texts) = (
        [json!(0), json!(-5), json!(10_001), json!(1.5), json!(1e300), json!(u64::MAX)],
        ["0", "-5", "10001", "1.5", "1e3", "+1", "0x1", "١", "one", "18446744073709551617"],
    );
    for bad in numbers.into_iter().chain(texts.map(Value::from)) {
        let answer = post(bad.clone()).await;
        assert_eq!(answer.said(), (400, "2302"), "{bad}");
        assert_eq!(answer.message(), "Invalid parameter , [ amount ]", "{bad}");
    }
    let form = caller.request(Method::POST, "/Redeem/goods");
    let form = form.form(&[("goods_id", "mug"), ("player_id", "p1"), ("amount", "-5")]);
    assert_eq!(caller.send(form).await.said(), (400, "2302"));
    site.close().await;
}

#[tokio::test]
async fn a_body_that_cannot_be_read_is_refused_by_its_own_status() {
    let (site, _process, caller) = front_door().await;
    let post = async |content_type: &str, body: String| {
        let request = caller.request(Method::POST, "/Redeem/goods").body(body);
        caller.send(request.header("Content-Type", content_type)).await
    };
    let (form, json) = ("application/x-www-form-urlencoded", "application/json; charset=utf-8");
    for broken in ["", "{", "[]", "7", "null", r#"{"goods_id":"mug"}}"#, "goods_id=mug"] {
        assert_eq!(post(json, broken.to_owned()).await.said(), (400, "2302"), "{broken}");
    }
    let deep = "[".repeat(10_000);
    assert_eq!(post(json, deep).await.said(), (400, "2302"));
    for other in ["text/plain", "multipart/mixed; boundary=x", "application/xml", ""] {
        let answer = post(other, "goods_id=mug&player_id=p1&amount=1".to_owned()).await;
        assert_eq!(answer.said(), (415, "2302"), "{other}");
    }

    let answer = post("multipart/form-data; boundary=x", "goods_id=mug".to_owned()).await;
    assert_eq!(answer.said(), (400, "2302"), "a body without its boundary");

    let twice = "goods_id=mug&player_id=p1&player_id=p2&amount=1&amount=1".to_owned();
    let answer = post(form, twice).await;
    assert_eq!(answer.said(), (400, "2302"));
    assert_eq!(answer.message(), "Invalid parameter , [ player_id , amount ]");
    let twice = r#"{"goods_id":"mug","player_id":"p1","amount":1,"amount":1}"#.to_owned();
    assert_eq!(post(json, twice).await.said(), (400, "2302"));

    assert_nothing_was_published(site).await;
}

#[tokio::test]
async fn a_body_may_have_16_kib_and_not_a_byte_more() {
    let (site, _process, caller) = front_door().await;
    let post = async |length: usize| {
        let start = "goods_id=mug&player_id=p1&amount=1&more=";
        let body = format!("{start}{}", "x".repeat(length - start.len()));
        let request = caller.request(Method::POST, "/Redeem/goods").body(body);
        let form = "application/x-www-form-urlencoded";
        caller.send(request.header("Content-Type", form)).await
    };
    assert_eq!(post(16 * 1024).await.said(), (202, "0000"));
    assert_eq!(post(16 * 1024 + 1).await.said(), (413, "2302"));
    site.close().await;
}

#[tokio::test]
async fn a_key_and_a_correlation_id_are_1_to_255_visible_ascii_characters() {
    let (site, _process, caller) = front_door().await;
    let params = json!({"goods_id": "mug", "player_id": "p1", "amount": 1});
    let post = || caller.request(Method::POST, "/Redeem/goods").json(&params);
    for header in ["Idempotency-Key", "X-Correlation-Id"] {
        for good in ["!", &"~".repeat(255)] {
            let answer = caller.send(post().header(header, good)).await;
            assert_eq!(answer.said(), (202, "0000"), "{header}: {good}");
        }
        for bad in ["", "a b", "a\tb", "schlüssel", &"x".repeat(256)] {
            let value = reqwest::header::HeaderValue::from_bytes(bad.as_bytes()).expect("bytes");
            let answer = caller.send(post().header(header, value)).await;
            assert_eq!(answer.said(), (400, "2302"), "{header}: {bad}");
            assert!(answer.message().contains(header), "{}", answer.message());
        }
        let twice = post().header(header, "a").header(header, "b");
        assert_eq!(caller.send(twice).await.said(), (400, "2302"), "{header} twice");
    }
    site.close().await;
}

#[tokio::test]
async fn an_unknown_route_is_404_and_a_wrong_method_405_in_the_same_envelope() {
    let (site, _process, caller) = front_door().await;
    for path in ["/", "/redeem/goods", "/Redeem/goods/x", "/Redeem/jobs", "/Redeem/jobs/a/b"] {
        let answer = caller.post(path, &json!({})).await;
        assert_eq!(answer.said().0, 404, "{path}");
    }
    for same in ["/Redeem/goods/", "//Redeem///goods"] {
        let answer = caller.post(same, &json!({})).await;
        assert_eq!(answer.said(), (400, "0903"), "{same} is /Redeem/goods");
    }
    let paths = operations().map(|(_, path, _)| path);
    for path in paths.into_iter().chain(["/Auth", "/Auth/renew"]) {
        let answer = caller.get(path).await;
        assert_eq!(answer.said().0, 405, "{path}");
        assert_eq!(answer.header("allow"), "POST", "{path}");
    }
    let posted = caller.post("/Redeem/jobs/x", &json!({})).await;
    assert_eq!(posted.said().0, 405);
    assert_nothing_was_published(site).await;
}
