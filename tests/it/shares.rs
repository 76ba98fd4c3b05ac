//! What one address and one client may take of an ingress: the others don't notice that they take it.

use futures_util::future::join_all;
use harness::{Answer, Caller, Process, Raw, Role, Site, eventually};
use reqwest::Method;
use serde_json::{Value, json};
use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};
use uuid::Uuid;

const NEIGHBOUR: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));
const PLACES: (&str, &str) = ("REDEEMQ_CONNECTIONS_MAX", "40");
/// A quarter of them.
const SHARE: usize = 10;
/// Those that are told so, of one address.
const TURNED_AWAY: usize = 16;

fn mug() -> Value {
    json!({"goods_id": "mug", "player_id": "p1", "amount": 1})
}

async fn open_connections(process: &Process) -> f64 {
    process.metric("redeemq_connections", "server=\"ingress\"").await
}

async fn refused(process: &Process, why: &str) -> f64 {
    let labels = format!("server=\"ingress\",why=\"{why}\"");
    process.metric("redeemq_connections_refused_total", &labels).await
}

/// The attacker: so many silent connections, from 127.0.0.1.
async fn crowd(process: &Process, size: usize) -> Vec<Raw> {
    eventually("no connection is left of the start", async || {
        open_connections(process).await == 0.0
    })
    .await;
    join_all((0..size).map(|_| Raw::to(&process.http))).await
}

/// What one request on a connection of its own gets: the status, and how long it took.
async fn asks(mut raw: Raw, request: &str) -> (String, Duration) {
    let begun = Instant::now();
    raw.send(request).await;
    let (answer, _) = raw.until_closed().await;
    (answer, begun.elapsed())
}

const LIVEZ: &str = "GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

#[tokio::test]
async fn one_address_takes_a_quarter_of_the_connections_and_nobody_else_notices() {
    let site = Site::open().await;
    let process = site.start(Role::Ingress, &[PLACES]).await;
    let token = Caller::with_minted_token(&process, "acme", 0).token;
    let attack = crowd(&process, 100).await;
    eventually("all have been met", async || {
        refused(&process, "address").await >= (100 - SHARE) as f64
    })
    .await;
    let open = open_connections(&process).await;
    assert!(open <= (SHARE + TURNED_AWAY) as f64, "{open} connections of one address");

    let body = serde_json::to_string(&mug()).expect("JSON");
    let job = format!(
        "POST /Redeem/goods HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    for (request, status) in [(LIVEZ, "200"), (job.as_str(), "202")] {
        let (answer, took) = asks(Raw::from(NEIGHBOUR, &process.http).await, request).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{answer}");
        assert!(took < Duration::from_secs(2), "{took:?}");
    }
    assert_eq!(refused(&process, "full").await, 0.0);
    // Orchestrators ask where no caller is.
    for path in ["livez", "readyz"] {
        let probe = reqwest::get(format!("{}/{path}", process.metrics)).await.expect("an answer");
        assert_eq!(probe.status(), 200, "{path}");
    }

    drop(attack);
    eventually("the address is served again", async || {
        let caller = Caller::with_minted_token(&process, "acme", 0);
        caller.post("/Redeem/goods", &mug()).await.said() == (202, "0000")
    })
    .await;
    site.close().await;
}

#[tokio::test]
async fn an_address_over_its_share_is_told_so() {
    let site = Site::open().await;
    let environment = [PLACES, ("REDEEMQ_CONNECTIONS_ADDRESS", "3")];
    let process = site.start(Role::Ingress, &environment).await;
    let _attack = crowd(&process, 3).await;
    let answer = Caller::with_minted_token(&process, "acme", 0).post("/Redeem/goods", &mug()).await;
    assert_eq!(answer.said(), (503, "3003"), "{}", answer.text);
    assert!(answer.message().contains("too many connections"), "{}", answer.message());
    assert_eq!((answer.header("retry-after"), answer.header("connection")), ("1", "close"));
    assert_eq!(refused(&process, "address").await, 1.0);
    assert!(process.text().contains("REDEEMQ_TRUSTED_HOPS"), "the operator is told");
    site.close().await;
}

#[tokio::test]
async fn a_proxy_brings_the_connections_of_all_its_callers() {
    let site = Site::open().await;
    let process = site.start(Role::Ingress, &[PLACES, ("REDEEMQ_TRUSTED_HOPS", "1")]).await;
    let attack = crowd(&process, 39).await;
    let (answer, _) = asks(Raw::to(&process.http).await, LIVEZ).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(refused(&process, "address").await + refused(&process, "full").await, 0.0);
    drop(attack);
    site.close().await;
}

#[tokio::test]
async fn without_a_broker_an_ingress_lives_and_is_not_ready_on_either_port() {
    let site = Site::open().await;
    let nowhere = [("AMQP_URL", "amqp://127.0.0.1:1")];
    let process = site.launch(Role::Ingress, &nowhere).await;
    for base in [&process.http, &process.metrics] {
        for (path, status) in [("livez", 200), ("readyz", 503)] {
            let probe = reqwest::get(format!("{base}/{path}")).await.expect("an answer");
            assert_eq!(probe.status(), status, "{base}/{path}");
        }
    }
    site.close().await;
}

#[tokio::test]
async fn a_worker_takes_no_requests_and_is_ready_when_it_lives() {
    let site = Site::open().await;
    let process = site.start(Role::Worker, &[]).await;
    for path in ["livez", "readyz"] {
        let probe = reqwest::get(format!("{}/{path}", process.metrics)).await.expect("an answer");
        assert_eq!(probe.status(), 200, "{path}");
    }
    site.close().await;
}

/// Waits for a job that nobody ever publishes.
async fn waits_for_nothing(caller: Caller) -> Answer {
    let status = caller.request(Method::GET, &format!("/Redeem/jobs/{}", Uuid::new_v4()));
    caller.send(status.header("Prefer", "wait=25")).await
}

#[tokio::test]
async fn one_client_that_waits_with_all_it_has_leaves_others_their_waits() {
    let site = Site::with_clients().await;
    site.goods("zeta", "goods_id,name\nmug,Mug\n");
    let all = [PLACES, ("REDEEMQ_CONNECTIONS_ADDRESS", "0")];
    let process = site.start(Role::Serve, &all).await;
    let (attacker, victim) =
        tokio::join!(site.caller(&process, "acme"), site.caller(&process, "zeta"));
    let attack: Vec<_> =
        (0..30).map(|_| tokio::spawn(waits_for_nothing(attacker.clone()))).collect();
    // Twenty places: ten for a client alone.
    let beyond = || process.metric("redeemq_waits_refused_total", "why=\"client\"");
    eventually("twenty are beyond its share", async || beyond().await == 20.0).await;
    eventually("they are answered", async || {
        attack.iter().filter(|wait| wait.is_finished()).count() == 20
    })
    .await;

    for _ in 0..5 {
        let begun = Instant::now();
        let answer = victim.decide("/Redeem/goods", &mug()).await;
        assert_eq!(answer.said(), (200, "0000"), "{}", answer.text);
        assert_eq!(answer.header("preference-applied"), "wait=20");
        assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    }
    // Over its share, the attacker's own job is accepted, and its status is there.
    let post = attacker.request(Method::POST, "/Redeem/goods").json(&mug());
    let answer = attacker.send(post.header("Prefer", "wait=20")).await;
    assert_eq!(answer.said(), (202, "0000"));
    assert_eq!(answer.header("preference-applied"), "");
    let path = format!("/Redeem/jobs/{}", answer.job_id());
    eventually("its status tells the decision", async || {
        attacker.get(&path).await.body["response"]["status"] == "done"
    })
    .await;

    let (over, within): (Vec<_>, Vec<_>) = attack.into_iter().partition(|wait| wait.is_finished());
    for answer in join_all(over).await {
        let answer = answer.expect("an answer");
        // As if its wait were over: nobody has published that job.
        assert_eq!(answer.said(), (404, "3002"), "{}", answer.text);
        assert_eq!(answer.header("preference-applied"), "");
    }
    assert_eq!(within.len(), 10);
    site.close().await;
}
