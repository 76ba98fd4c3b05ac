//! Guessing at api secrets: bounded before the work is done, and never to the owner's harm.

use futures_util::StreamExt as _;
use futures_util::future::join_all;
use futures_util::stream;
use harness::{Answer, Caller, Process, Role, Site, eventually};
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Instant;

fn create_client(site: &Site, id: &str) -> Value {
    let created = site.json(&["client", "create", id]);
    json!({"api_key": created["api_key"], "api_secret": created["api_secret"]})
}

fn wrong(pair: &Value) -> Value {
    json!({"api_key": pair["api_key"], "api_secret": "guess"})
}

async fn auth(process: &Process, from: &str, pair: &Value) -> Answer {
    let stranger = Caller::stranger(process);
    let post = stranger.request(Method::POST, "/Auth").json(pair);
    stranger.send(post.header("X-Forwarded-For", from)).await
}

async fn hashes(process: &Process) -> f64 {
    process.metric("redeemq_auth_hashes_total", "").await
}

const PROXY: (&str, &str) = ("REDEEMQ_TRUSTED_HOPS", "1");
const ATTACKER: &str = "203.0.113.6";
const OWNER: &str = "192.0.2.1";

/// So many wrong pairs at once; how many were judged. One in six seconds is, beside the first ten.
async fn guess(process: &Process, from: &str, pair: &Value, times: usize) -> usize {
    let begun = Instant::now();
    let pair = wrong(pair);
    let mut judged = 0;
    // In small lots: hashing is bounded as well, and who waits too long for it is told 3003.
    for _ in 0..times / 4 {
        for answer in join_all((0..4).map(|_| auth(process, from, &pair))).await {
            match answer.said() {
                (401, "0001") => judged += 1,
                (429, "0901") => {
                    let retry_after: u64 = answer.header("retry-after").parse().expect("seconds");
                    assert!((1..=60).contains(&retry_after), "{retry_after}");
                }
                other => panic!("neither judged nor refused: {other:?}"),
            }
        }
    }
    let more = begun.elapsed().as_secs() as usize / 6 + 1;
    assert!(judged <= 10 + more, "{judged} guesses judged in {:?}", begun.elapsed());
    judged
}

#[tokio::test]
async fn ten_wrong_pairs_a_minute_are_judged_and_the_others_cost_nothing() {
    let site = Site::open().await;
    let pair = create_client(&site, "shop");
    let process = site.start(Role::Ingress, &[PROXY]).await;

    let judged = guess(&process, ATTACKER, &pair, 60).await;
    assert!(judged >= 10, "{judged}");
    assert_eq!(hashes(&process).await, judged as f64, "a refused guess was hashed");
    assert!(process.metric("redeemq_limited_total", "limit=\"auth\"").await >= 45.0);

    assert_eq!(auth(&process, OWNER, &pair).await.said(), (200, "0000"), "from elsewhere");
    eventually("the next one is judged", async || {
        auth(&process, ATTACKER, &wrong(&pair)).await.said() == (401, "0001")
    })
    .await;
    site.close().await;
}

#[tokio::test]
async fn a_pair_that_was_right_before_is_never_locked_out_even_behind_one_address() {
    let site = Site::open().await;
    let (pair, neighbour) = (create_client(&site, "shop"), create_client(&site, "next-door"));
    let process = site.start(Role::Ingress, &[]).await;
    assert_eq!(auth(&process, OWNER, &pair).await.said(), (200, "0000"));
    let begun = hashes(&process).await;

    guess(&process, OWNER, &pair, 40).await;
    let guessed = hashes(&process).await;
    assert!(guessed >= begun + 9.0, "guesses are judged by their hash");
    for _ in 0..20 {
        assert_eq!(auth(&process, OWNER, &pair).await.said(), (200, "0000"));
    }
    assert_eq!(hashes(&process).await, guessed, "what is known to be right is not hashed again");
    assert_eq!(auth(&process, OWNER, &neighbour).await.said(), (200, "0000"), "its neighbour");
    site.close().await;
}

#[tokio::test]
async fn guesses_from_many_networks_do_not_lock_the_owner_out() {
    let site = Site::open().await;
    let pair = create_client(&site, "shop");
    let process = site.start(Role::Ingress, &[PROXY, ("REDEEMQ_AUTH_FAILURES", "1")]).await;
    for network in 0..15 {
        guess(&process, &format!("203.0.113.{network}"), &pair, 4).await;
    }
    assert_eq!(auth(&process, OWNER, &pair).await.said(), (200, "0000"));
    site.close().await;
}

#[tokio::test]
async fn one_network_cannot_go_through_api_keys() {
    let site = Site::open().await;
    let process = site.start(Role::Ingress, &[PROXY, ("REDEEMQ_AUTH_FAILURES", "1")]).await;
    let mut judged = 0;
    let begun = Instant::now();
    for key in 0..40 {
        let pair = json!({"api_key": format!("key-{key}"), "api_secret": "guess"});
        match auth(&process, ATTACKER, &pair).await.said() {
            (401, "0001") => judged += 1,
            said => assert_eq!(said, (429, "0901")),
        }
    }
    let more = begun.elapsed().as_secs() as usize / 6 + 1;
    assert!((10..=10 + more).contains(&judged), "{judged}");
    assert_eq!(hashes(&process).await, judged as f64);
    site.close().await;
}

#[tokio::test]
async fn an_unknown_key_and_a_wrong_secret_cost_one_hash_each() {
    let site = Site::open().await;
    let pair = create_client(&site, "shop");
    let process = site.start(Role::Ingress, &[]).await;
    let nobody = json!({"api_key": "nobody's", "api_secret": pair["api_secret"]});
    for (n, wrong) in [&nobody, &wrong(&pair), &nobody, &wrong(&pair)].into_iter().enumerate() {
        assert_eq!(auth(&process, OWNER, wrong).await.said(), (401, "0001"));
        assert_eq!(hashes(&process).await, (n + 1) as f64, "{wrong}");
    }
    site.close().await;
}

#[tokio::test]
async fn a_pair_that_is_right_no_more_is_refused_though_it_was_known() {
    let site = Site::open().await;
    let (pair, other) = (create_client(&site, "shop"), create_client(&site, "other"));
    let process = site.start(Role::Ingress, &[]).await;
    assert_eq!(auth(&process, OWNER, &pair).await.said(), (200, "0000"));
    assert_eq!(auth(&process, OWNER, &pair).await.said(), (200, "0000"));

    let swap = "update client set api_secret_hash =
                (select api_secret_hash from client where client_id = 'other')";
    sqlx::query(swap).execute(&site.store).await.expect("another secret");
    assert_eq!(auth(&process, OWNER, &pair).await.said(), (401, "0001"));
    assert_eq!(auth(&process, OWNER, &pair).await.said(), (401, "0001"));
    let new = json!({"api_key": pair["api_key"], "api_secret": other["api_secret"]});
    assert_eq!(auth(&process, OWNER, &new).await.said(), (200, "0000"));
    site.json(&["client", "disable", "shop"]);
    assert_eq!(auth(&process, OWNER, &new).await.said(), (403, "0002"));
    site.close().await;
}

#[tokio::test]
async fn zero_failures_a_minute_means_that_they_are_not_counted() {
    let site = Site::open().await;
    let pair = create_client(&site, "shop");
    let process = site.start(Role::Ingress, &[("REDEEMQ_AUTH_FAILURES", "0")]).await;
    for _ in 0..25 {
        assert_eq!(auth(&process, OWNER, &wrong(&pair)).await.said(), (401, "0001"));
    }
    site.close().await;
}

/// What an ingress may take, with all the memory that hashes are made in.
const MEMORY_MAX: u64 = 160 << 20;

#[tokio::test]
async fn a_thousand_wrong_pairs_take_a_bounded_memory_however_many_come_at_a_time() {
    let site = Site::open().await;
    let pair = create_client(&site, "shop");
    let process = site.start(Role::Ingress, &[("REDEEMQ_AUTH_FAILURES", "0")]).await;
    let (wrong, process) = (&wrong(&pair), &process);
    let mut judged = 0;
    for (times, at_a_time) in [(400, 8), (400, 40), (200, 150)] {
        let guesses = (0..times).map(|_| auth(process, ATTACKER, wrong));
        let answers: Vec<Answer> =
            stream::iter(guesses).buffer_unordered(at_a_time).collect().await;
        for answer in answers {
            match answer.said() {
                (401, "0001") => judged += 1,
                (503, "3003") => {}
                other => panic!("neither judged nor told to come back: {other:?}"),
            }
        }
        let peak = process.peak_memory();
        assert!(peak < MEMORY_MAX, "{} MiB after {at_a_time} at a time", peak >> 20);
    }
    assert!(judged > 400, "{judged} judged");
    let resident = process.metric("process_resident_memory_bytes", "").await;
    assert!(resident > 0.0 && resident < MEMORY_MAX as f64, "{resident}");
    assert_eq!(auth(process, OWNER, &pair).await.said(), (200, "0000"));
    site.close().await;
}
