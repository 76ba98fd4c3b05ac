//! Credentials end: a new api_secret, revoked tokens, and tokens that no ingress would make.

use harness::{Answer, Caller, Process, Role, SECRET, Site, eventually};
use redeemq::domain::id::ClientId;
use redeemq::secrets::{Secrets, TOKEN_LIFE};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Within which what an operator ends has ended everywhere.
const ENDS_WITHIN: Duration = Duration::from_secs(2);

fn pair(created: &Value) -> Value {
    json!({"api_key": created["api_key"], "api_secret": created["api_secret"]})
}

fn with_secret(pair: &Value, new: &Value) -> Value {
    json!({"api_key": pair["api_key"], "api_secret": new["api_secret"]})
}

fn token(answer: &Answer) -> String {
    assert_eq!(answer.said(), (200, "0000"), "{}", answer.text);
    answer.body["response"]["token"].as_str().expect("a token").to_owned()
}

async fn is_taken(process: &Process, token: &str) -> bool {
    let caller = Caller::with_token(process, token);
    match caller.get(&format!("/Redeem/jobs/{}", uuid::Uuid::nil())).await.said() {
        (404, "3002") => true,
        (401, "0900") => false,
        other => panic!("neither taken nor void: {other:?}"),
    }
}

#[tokio::test]
async fn a_new_secret_ends_the_old_one_at_once_at_every_ingress() {
    let site = Site::open().await;
    let old = pair(&site.json(&["client", "create", "shop"]));
    let (first, second) =
        tokio::join!(site.start(Role::Ingress, &[]), site.start(Role::Ingress, &[]));
    let callers = [Caller::stranger(&first), Caller::stranger(&second)];
    // So that both have it among those that were right.
    for caller in &callers {
        token(&caller.post("/Auth", &old).await);
    }
    let new = with_secret(&old, &site.json(&["client", "new-secret", "shop"]));
    for caller in &callers {
        assert_eq!(caller.post("/Auth", &old).await.said(), (401, "0001"));
        token(&caller.post("/Auth", &new).await);
    }
    site.close().await;
}

#[tokio::test]
async fn with_an_overlap_both_secrets_are_right_until_it_ends() {
    let site = Site::open().await;
    let old = pair(&site.json(&["client", "create", "shop"]));
    let process = site.start(Role::Ingress, &[]).await;
    let stranger = Caller::stranger(&process);
    token(&stranger.post("/Auth", &old).await);
    let told = site.json(&["client", "new-secret", "shop", "--overlap", "3s"]);
    assert!(told["old_until"].is_string(), "{told}");
    let new = with_secret(&old, &told);
    for pair in [&old, &new, &old] {
        token(&stranger.post("/Auth", pair).await);
    }
    eventually("the old one has ended", async || {
        stranger.post("/Auth", &old).await.said() == (401, "0001")
    })
    .await;
    token(&stranger.post("/Auth", &new).await);

    // Another one while one overlaps: only the last two are right.
    let newer = with_secret(&old, &site.json(&["client", "new-secret", "shop", "--overlap", "1h"]));
    let newest =
        with_secret(&old, &site.json(&["client", "new-secret", "shop", "--overlap", "1h"]));
    assert_eq!(stranger.post("/Auth", &new).await.said(), (401, "0001"));
    for pair in [&newer, &newest] {
        token(&stranger.post("/Auth", pair).await);
    }
    site.close().await;
}

#[tokio::test]
async fn what_an_operator_revokes_ends_everywhere_within_two_seconds_and_for_good() {
    let site = Site::open().await;
    let pair = pair(&site.json(&["client", "create", "shop"]));
    let (first, second) =
        tokio::join!(site.start(Role::Ingress, &[]), site.start(Role::Ingress, &[]));
    let stranger = Caller::stranger(&first);
    let mut ended = Vec::new();
    for words in [&["client", "revoke-tokens", "shop"][..], &["client", "disable", "shop"]] {
        let old = token(&stranger.post("/Auth", &pair).await);
        for process in [&first, &second] {
            eventually("it is taken", async || is_taken(process, &old).await).await;
        }
        site.json(words);
        let begun = Instant::now();
        site.json(&["client", "enable", "shop"]);
        for process in [&first, &second] {
            eventually("it is void", async || !is_taken(process, &old).await).await;
        }
        assert!(begun.elapsed() < ENDS_WITHIN, "{words:?}: {:?}", begun.elapsed());
        ended.push(old);
    }
    let alive = token(&stranger.post("/Auth", &pair).await);
    assert!(is_taken(&first, &alive).await && is_taken(&second, &alive).await);
    for old in &ended {
        assert!(!is_taken(&first, old).await && !is_taken(&second, old).await);
    }
    site.close().await;
}

#[tokio::test]
async fn a_token_of_a_generation_or_life_that_there_is_not_is_void_though_we_signed_it() {
    let site = Site::open().await;
    let pair = pair(&site.json(&["client", "create", "shop"]));
    let process = site.start(Role::Ingress, &[]).await;
    let alive = token(&Caller::stranger(&process).post("/Auth", &pair).await);
    let generation = site.number("select token_generation::bigint from client").await as i32;
    let secrets = Secrets::parse(&SECRET.to_owned().into()).expect("a secret");
    let shop = ClientId::parse("shop").expect("a client id");
    let now = redeemq::wire::now();
    let hour = time::Duration::HOUR;
    assert!(is_taken(&process, &alive).await);
    for (generation, expires_at, expected) in [
        (generation, now + hour, true),
        (generation, now + TOKEN_LIFE, true),
        (generation, now + TOKEN_LIFE + hour, false),
        (generation + 1, now + hour, false),
        (i32::MAX, now + hour, false),
    ] {
        let token = secrets.token(&shop, generation, expires_at);
        assert_eq!(is_taken(&process, &token).await, expected, "{token}");
    }
    site.close().await;
}
