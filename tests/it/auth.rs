//! `/Auth` and `/Auth/renew`: an api key and its secret for a token.

use crate::harness::{Answer, Caller, Process, Role, Site, eventually, instant};
use reqwest::Method;
use serde_json::{Value, json};
use time::Duration;

/// A client, as `client create` tells it: what `/Auth` takes.
fn create_client(site: &Site) -> Value {
    let created = site.json(&["client", "create", "shop"]);
    json!({"api_key": created["api_key"], "api_secret": created["api_secret"]})
}

fn token(answer: &Answer) -> String {
    assert_eq!(answer.said(), (200, "0000"), "{}", answer.text);
    answer.body["response"]["token"].as_str().expect("a token").to_owned()
}

/// Whether the front door takes this token: it then finds that there is no such job.
async fn is_taken(process: &Process, token: &str) -> bool {
    let caller = Caller::with_token(process, token);
    match caller.get(&format!("/Redeem/jobs/{}", uuid::Uuid::nil())).await.said() {
        (404, "3002") => true,
        (401, "0900") => false,
        other => panic!("neither taken nor void: {other:?}"),
    }
}

#[tokio::test]
async fn the_right_pair_gets_the_same_token_for_three_days_and_a_renewal_ends_it_everywhere() {
    let site = Site::open().await;
    let pair = create_client(&site);
    let (process, second) =
        tokio::join!(site.start(Role::Ingress, &[]), site.start(Role::Ingress, &[]));
    let stranger = Caller::stranger(&process);

    let answer = stranger.post("/Auth", &pair).await;
    let first = token(&answer);
    let life = instant(&answer.body["response"]["date_expire"]) - redeemq::wire::now();
    assert!((Duration::minutes(-5)..Duration::minutes(5)).contains(&(life - Duration::days(3))));

    let as_form = stranger.request(Method::POST, "/Auth").form(&pair);
    assert_eq!(token(&stranger.send(as_form).await), first);
    assert_eq!(token(&Caller::stranger(&second).post("/Auth", &pair).await), first);
    assert!(is_taken(&process, &first).await && is_taken(&second, &first).await);

    let renewed = token(&stranger.post("/Auth/renew", &pair).await);
    assert_ne!(renewed, first);
    for (name, process) in [("this", &process), ("the other", &second)] {
        assert!(is_taken(process, &renewed).await, "the new token at {name} ingress");
        eventually("the old token is void", async || !is_taken(process, &first).await).await;
    }
    assert_eq!(token(&stranger.post("/Auth", &pair).await), renewed);
    assert!(is_taken(&process, &renewed).await && is_taken(&second, &renewed).await);
    site.close().await;
}

#[tokio::test]
async fn a_wrong_pair_is_0001_whichever_half_is_wrong_and_a_disabled_client_0002() {
    let site = Site::open().await;
    let pair = create_client(&site);
    let process = site.start(Role::Ingress, &[]).await;
    let stranger = Caller::stranger(&process);
    let (key, secret) = (&pair["api_key"], &pair["api_secret"]);

    for path in ["/Auth", "/Auth/renew"] {
        for wrong in [
            json!({"api_key": key, "api_secret": "guess"}),
            json!({"api_key": "guess", "api_secret": secret}),
            json!({"api_key": secret, "api_secret": key}),
        ] {
            let answer = stranger.post(path, &wrong).await;
            assert_eq!(answer.said(), (401, "0001"), "{path}");
            assert_eq!(answer.message(), "Invalid API-KEY OR API-SECRET");
        }
        let blank = stranger.post(path, &json!({"api_key": " "})).await;
        assert_eq!(blank.said(), (400, "0903"));
        assert!(blank.message().contains("[ api_key , api_secret ]"), "{}", blank.message());
        let number = stranger.post(path, &json!({"api_key": 7, "api_secret": secret})).await;
        assert_eq!(number.said(), (400, "2302"));
        assert!(number.message().contains("[ api_key ]"), "{}", number.message());
    }

    site.json(&["client", "disable", "shop"]);
    for path in ["/Auth", "/Auth/renew"] {
        assert_eq!(stranger.post(path, &pair).await.said(), (403, "0002"));
        let wrong = json!({"api_key": key, "api_secret": "guess"});
        assert_eq!(stranger.post(path, &wrong).await.said(), (401, "0001"));
    }
    site.json(&["client", "enable", "shop"]);
    token(&stranger.post("/Auth", &pair).await);
    assert!(!process.text().contains(secret.as_str().expect("a secret")), "a secret is logged");
    site.close().await;
}
