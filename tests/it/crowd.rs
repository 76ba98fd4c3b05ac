//! Many callers at a time: as many as there are places, and the others are told so at once.

use futures_util::future::join_all;
use harness::{Answer, Bench, Caller, Process, Raw, Role, Site, eventually};
use reqwest::Method;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Everybody is at one address here; `shares` is about that bound.
const ANY_ADDRESS: (&str, &str) = ("REDEEMQ_CONNECTIONS_ADDRESS", "0");

fn mug() -> Value {
    json!({"goods_id": "mug", "player_id": "p1", "amount": 1})
}

/// Somebody who has no connection yet.
fn newcomer(process: &Process) -> Caller {
    Caller::with_minted_token(process, "acme", 0)
}

async fn open_connections(process: &Process) -> f64 {
    process.metric("redeemq_connections", "server=\"ingress\"").await
}

/// So many connections that have asked before, and nobody else's.
async fn crowd(process: &Process, size: usize) -> Vec<Raw> {
    eventually("no connection is left of the start", async || {
        open_connections(process).await == 0.0
    })
    .await;
    let crowd = (0..size).map(|_| Raw::known_to(process));
    join_all(crowd).await
}

/// A quarter of the files that a process here may open: other tests open some as well.
fn a_great_many() -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let open_files = limits.lines().find(|line| line.starts_with("Max open files"));
    let soft = open_files.and_then(|line| line.split_whitespace().nth(3)?.parse::<usize>().ok());
    soft.map_or(200, |soft| (soft / 4).min(2_000) / 100 * 100)
}

#[tokio::test]
async fn thousands_of_idle_connections_hold_nobody_up_and_are_closed_in_time() {
    let site = Site::open().await;
    let size = a_great_many();
    let places = (size + 10).to_string();
    let environment =
        [("REDEEMQ_CONNECTIONS_MAX", places.as_str()), ("REDEEMQ_IDLE_SECONDS", "8"), ANY_ADDRESS];
    let process = site.start(Role::Ingress, &environment).await;
    let idle = async {
        let mut crowd = Vec::with_capacity(size);
        while crowd.len() < size {
            crowd.extend(join_all((0..100).map(|_| Raw::to(&process.http))).await);
        }
        join_all(crowd.into_iter().map(Raw::until_closed)).await
    };
    let mut idle = std::pin::pin!(idle);
    let (mut most, mut served) = (0.0, 0);
    let closed = loop {
        let post = async {
            let begun = Instant::now();
            let answer = newcomer(&process).post("/Redeem/goods", &mug()).await;
            assert_eq!(answer.said(), (202, "0000"), "{}", answer.text);
            assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
            open_connections(&process).await
        };
        tokio::select! {
            closed = &mut idle => break closed,
            open = post => (most, served) = (open.max(most), served + 1),
        }
    };
    assert!(most >= size as f64 / 2.0 && served > 10, "{served} served among {most}");
    for (answer, after) in closed {
        assert_eq!(answer, "");
        assert!(after < Duration::from_secs(14), "{after:?}");
    }
    site.close().await;
}

#[tokio::test]
async fn one_caller_too_many_is_told_so_at_once_and_served_when_there_is_a_place() {
    let site = Site::open().await;
    let process = site.start(Role::Ingress, &[("REDEEMQ_CONNECTIONS_MAX", "4"), ANY_ADDRESS]).await;
    let mut crowd = crowd(&process, 4).await;

    let begun = Instant::now();
    for _ in 0..80 {
        let answer = newcomer(&process).post("/Redeem/goods", &mug()).await;
        assert_eq!(answer.said(), (503, "3003"), "{}", answer.text);
        assert!(answer.message().contains("too many connections"), "{}", answer.message());
        assert_eq!((answer.header("retry-after"), answer.header("connection")), ("1", "close"));
    }
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    assert_eq!(newcomer(&process).get("/livez").await.status, 200, "the process lives");
    assert_eq!(newcomer(&process).get("/readyz").await.status, 503, "but has no place");
    let refused = process.metric("redeemq_connections_refused_total", "").await;
    assert_eq!(refused, 82.0);

    crowd.pop();
    eventually("there is a place", async || {
        newcomer(&process).post("/Redeem/goods", &mug()).await.said() == (202, "0000")
    })
    .await;
    site.close().await;
}

#[tokio::test]
async fn those_turned_away_are_bounded_too() {
    let site = Site::open().await;
    let process = site.start(Role::Ingress, &[("REDEEMQ_CONNECTIONS_MAX", "1"), ANY_ADDRESS]).await;
    let _crowd = crowd(&process, 1).await;
    let mut silent = Vec::new();
    for _ in 0..200 {
        silent.push(Raw::to(&process.http).await);
    }
    let inside = open_connections(&process).await;
    assert!(inside <= 1.0 + 64.0, "{inside} of them take a place to be turned away");
    for (answer, after) in join_all(silent.into_iter().map(Raw::until_closed)).await {
        assert_eq!(answer, "");
        assert!(after < Duration::from_secs(8), "{after:?}");
    }
    assert!(open_connections(&process).await <= 1.0);
    site.close().await;
}

#[tokio::test]
async fn who_waits_takes_no_more_than_half_of_the_places() {
    let site = Site::open().await;
    let process = site.start(Role::Ingress, &[("REDEEMQ_CONNECTIONS_MAX", "8"), ANY_ADDRESS]).await;
    let bench = Bench::open(&site.amqp_url).await;
    let waits = async |caller: Caller| -> Answer {
        let post = caller.request(Method::POST, "/Redeem/goods").json(&mug());
        caller.send(post.header("Prefer", "wait=25")).await
    };
    // Each client has its share of the four.
    let of = |client| Caller::with_minted_token(&process, client, 0);
    let mut waiting = Vec::new();
    for (waits_now, client) in ["acme", "acme", "zeta", "third"].into_iter().enumerate() {
        waiting.push(tokio::spawn(waits(of(client))));
        eventually("one more waits", async || {
            bench.depth("redeem.requests").await == waits_now as u32 + 1
        })
        .await;
    }

    let caller = of("fourth");
    let answer = waits(caller.clone()).await;
    assert_eq!(answer.said(), (202, "0000"));
    assert_eq!(answer.header("preference-applied"), "", "there was no place to wait");
    let status = caller.settled(&answer.job_id()).await;
    assert_eq!(status.body["response"]["status"], "queued");
    assert_eq!(status.header("preference-applied"), "");
    assert!(waiting.iter().all(|waiting| !waiting.is_finished()), "those before still wait");
    site.close().await;
}

#[tokio::test]
async fn a_head_beyond_its_bounds_is_431_and_its_connection_ends() {
    let site = Site::open().await;
    let process = site.start(Role::Ingress, &[]).await;
    let long = format!("X: {}\r\n", "x".repeat(17_000));
    let many = "X: y\r\n".repeat(101);
    for headers in [long, many] {
        let mut raw = Raw::to(&process.http).await;
        raw.send(&format!("GET /livez HTTP/1.1\r\n{headers}\r\n")).await;
        let (answer, _) = raw.until_closed().await;
        assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
    }
    // Without an end, it is not waited for.
    let mut raw = Raw::to(&process.http).await;
    raw.send("GET /livez HTTP/1.1\r\nX: ").await;
    raw.send_for_ever("x").await;
    assert_eq!(newcomer(&process).get("/livez").await.status, 200);
    site.close().await;
}
