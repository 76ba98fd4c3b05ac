//! `/Auth` and `/Auth/renew`: an api key and its secret for a token, and whom a token lets in.

use crate::http::operations;
use crate::refusals::{assert_nothing_was_published, front_door};
use harness::{Answer, Caller, Process, Role, SECRET, Site, eventually, instant};
use redeemq::domain::id::ClientId;
use redeemq::secrets::Secrets;
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

#[tokio::test]
async fn a_token_is_asked_for_after_the_parameters_and_must_be_one_of_ours() {
    let (site, process, caller) = front_door().await;
    let secrets = |secret: &str| Secrets::parse(&secret.to_owned().into()).expect("a secret");
    let acme = ClientId::parse("acme").expect("a client id");
    let now = redeemq::wire::now();
    let expired = secrets(SECRET).token(&acme, 0, now - Duration::SECOND);
    let forged = secrets("somebody-elses-secret-of-32-bytes").token(&acme, 0, now + Duration::DAY);
    let other = caller.token.replace("acme", "zeta");

    for (_, path, params) in operations() {
        let post = async |token: &str| {
            let stranger = Caller::with_token(&process, token);
            stranger.post(path, &params).await
        };
        assert_eq!(post("").await.said(), (401, "0902"), "{path}");
        for void in [&expired, &forged, &other, "x", "a.b.c.d", "acme.0.99999999999999.AAAA"] {
            assert_eq!(post(void).await.said(), (401, "0900"), "{path} {void}");
        }
        let stranger = Caller::stranger(&process);
        assert_eq!(stranger.post(path, &json!({})).await.said(), (400, "0903"), "{path}");
    }
    let status = Caller::stranger(&process).get("/Redeem/jobs/x").await;
    assert_eq!(status.said(), (401, "0902"));
    assert_nothing_was_published(site).await;
}

#[tokio::test]
async fn a_disabled_client_is_0002_at_the_front_door_soon_and_its_tokens_stay_void_when_enabled() {
    let site = Site::open().await;
    site.json(&["client", "create", "acme"]);
    let process = site.start(Role::Ingress, &[]).await;
    let caller = Caller::with_minted_token(&process, "acme", 0);
    let (_, path, params) = operations().into_iter().next().expect("an operation");
    let said =
        async |status: u16, code: &str| caller.post(path, &params).await.said() == (status, code);
    assert!(said(202, "0000").await);

    site.json(&["client", "disable", "acme"]);
    eventually("the front door is closed", async || said(403, "0002").await).await;
    site.json(&["client", "enable", "acme"]);
    eventually("its old token is void", async || said(401, "0900").await).await;
    let caller = Caller::with_minted_token(&process, "acme", 1);
    assert_eq!(caller.post(path, &params).await.said(), (202, "0000"));
    site.close().await;
}
