//! What holds for every answer: its headers, its shape whatever was asked, and that there is one.

use crate::refusals::front_door;
use axum::Router;
use axum::middleware::{from_fn, map_response};
use axum::routing::get;
use harness::{Answer, Caller, Raw, Role, Site};
use redeemq::ingress::catch_panic::catch_panic;
use redeemq::ingress::security_headers::security_headers;
use redeemq::server::{self, Bounds, Routers};
use reqwest::Method;
use serde_json::json;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

fn assert_clean(answer: &Answer) {
    assert_eq!(answer.header("x-content-type-options"), "nosniff", "{}", answer.text);
    assert_eq!(answer.header("cache-control"), "no-store", "{}", answer.text);
    for name in ["server", "x-powered-by", "via"] {
        assert_eq!(answer.header(name), "", "{name}");
    }
}

#[tokio::test]
async fn no_answer_is_stored_on_its_way_or_says_what_runs_here() {
    let site = Site::with_clients().await;
    site.goods("acme", "goods_id,name\nmug,Mug\n");
    let created = site.json(&["client", "create", "shop"]);
    let process = site.serve().await;
    let caller = site.caller(&process, "acme").await;
    let mug = json!({"goods_id": "mug", "player_id": "p1", "amount": 1});
    let pair = json!({"api_key": created["api_key"], "api_secret": created["api_secret"]});

    let queued = caller.post("/Redeem/goods", &mug).await;
    let status = caller.settled(&queued.job_id()).await;
    for (answer, expected) in [
        (caller.decide("/Redeem/goods", &mug).await, 200),
        (caller.post("/Auth", &pair).await, 200),
        (queued, 202),
        (status, 200),
        (caller.post("/Redeem/goods", &json!({})).await, 400),
        (Caller::stranger(&process).get("/Redeem/jobs/x").await, 401),
        (caller.get("/nowhere").await, 404),
        (caller.get("/Redeem/goods").await, 405),
        (caller.get("/livez").await, 200),
        (caller.get("/readyz").await, 200),
    ] {
        assert_eq!(answer.status, expected, "{}", answer.text);
        assert_clean(&answer);
    }
    site.close().await;
}

#[tokio::test]
async fn any_method_gets_an_answer_in_the_envelope() {
    let (site, _process, caller) = front_door().await;
    for method in ["OPTIONS", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND", "BREW"] {
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        for (path, allow) in
            [("/Redeem/goods", "POST"), ("/Auth", "POST"), ("/Redeem/jobs/x", "GET,HEAD")]
        {
            let answer = caller.send(caller.request(method.clone(), path)).await;
            assert_eq!(answer.said(), (405, "2302"), "{method} {path}");
            assert_eq!(answer.header("allow"), allow, "{method} {path}");
        }
    }
    for (path, status) in [("/Redeem/goods", 405), ("/Redeem/jobs/x", 404), ("/livez", 200)] {
        let answer = caller.send(caller.request(Method::HEAD, path)).await;
        assert_eq!((answer.status, answer.text.as_str()), (status, ""), "{path}");
        assert_clean(&answer);
    }
    site.close().await;
}

#[tokio::test]
async fn a_target_that_is_no_path_is_answered_and_what_is_no_http_is_400() {
    let site = Site::open().await;
    let process = site.start(Role::Ingress, &[]).await;
    for (line, status) in [
        ("OPTIONS * HTTP/1.1", "404"),
        ("CONNECT example.com:443 HTTP/1.1", "404"),
        ("GET http://example.com/livez HTTP/1.1", "200"),
        ("GET /Redeem/jobs/%ff HTTP/1.1", "401"),
        ("GET /livez HTTP/1.0", "200"),
        ("GET /livez HTTP/3.7", "400"),
        ("PRI * HTTP/2.0", "400"),
        ("nonsense", "400"),
    ] {
        let mut raw = Raw::to(&process.http).await;
        raw.send(&format!("{line}\r\nHost: x\r\nConnection: close\r\n\r\n")).await;
        let (answer, _) = raw.until_closed().await;
        let said = answer.split_whitespace().nth(1).unwrap_or("nothing");
        assert_eq!(said, status, "{line}: {answer}");
        assert!(!answer.to_lowercase().contains("server:"), "{answer}");
    }
    site.close().await;
}

#[tokio::test]
async fn a_panic_is_answered_0800_and_its_connection_goes_on() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let router = Router::new()
        .route("/", get(async || -> &'static str { panic!("as this test wants it") }))
        .route("/livez", get(server::alive))
        .layer(from_fn(catch_panic))
        .layer(map_response(security_headers));
    let (name, idle_max) = ("test", Duration::from_secs(30));
    let bounds = Bounds { name, connections_max: 1, address_max: None, idle_max };
    let stop = CancellationToken::new();
    let routers = Routers { usual: router, full: Router::new(), malformed: Router::new() };
    let serving = tokio::spawn(server::serve(listener, routers, bounds, stop.clone()));

    let mut raw = Raw::to(&url).await;
    for _ in 0..3 {
        raw.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
        let answer = raw.answer().await;
        assert!(answer.starts_with("HTTP/1.1 500"), "{answer}");
        assert!(answer.contains(r#""error_code":"0800""#), "{answer}");
        assert!(answer.contains("no-store") && !answer.contains("as this test"), "{answer}");
    }
    raw.send("GET /livez HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert!(raw.answer().await.starts_with("HTTP/1.1 200"), "the same connection");
    stop.cancel();
    serving.await.expect("ended");
}
