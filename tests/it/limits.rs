//! How often one client, or one network, may ask: where the operator says so.

use futures_util::future::join_all;
use harness::{Answer, Bench, Caller, Process, Role, Site, eventually};
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Instant;

fn mug() -> Value {
    json!({"goods_id": "mug", "player_id": "p1", "amount": 1})
}

fn is_refused(answer: &Answer) -> bool {
    if answer.status == 429 {
        assert_eq!(answer.said(), (429, "0901"), "{}", answer.text);
        let retry_after: u64 = answer.header("retry-after").parse().expect("seconds");
        assert!((1..=60).contains(&retry_after), "{retry_after}");
    }
    answer.status == 429
}

/// How many of these get through, where one a second does beside the burst.
async fn assert_gets_through(burst: usize, asking: impl Iterator<Item: Future<Output = Answer>>) {
    let begun = Instant::now();
    let answers = join_all(asking).await;
    let seconds = begun.elapsed().as_secs() as usize + 1;
    let through = answers.iter().filter(|answer| !is_refused(answer)).count();
    assert!((burst..=burst + seconds).contains(&through), "{through} in {seconds} s");
}

/// A look at a job from behind a proxy, which says who asks.
async fn look(process: &Process, token: &str, forwarded_for: &str) -> Answer {
    let caller = Caller::with_token(process, token);
    let request = caller.request(Method::GET, "/Redeem/jobs/x");
    caller.send(request.header("X-Forwarded-For", forwarded_for)).await
}

#[tokio::test]
async fn a_client_that_asks_too_often_is_429_and_the_others_are_served() {
    let site = Site::open().await;
    let process = site.start(Role::Ingress, &[("REDEEMQ_RATE_CLIENT", "1:10")]).await;
    let bench = Bench::open(&site.amqp_url).await;
    let (acme, zeta) = (
        Caller::with_minted_token(&process, "acme", 0),
        Caller::with_minted_token(&process, "zeta", 0),
    );

    let params = mug();
    let posts = (0..40).map(|_| acme.post("/Redeem/goods", &params));
    assert_gets_through(10, posts).await;
    let accepted = process.metric("redeemq_accepted_total", "").await;
    assert_eq!(f64::from(bench.depth("redeem.requests").await), accepted, "only what got through");
    // Looks count like jobs, and a job that is refused for its form like one that is not.
    let broken = json!({});
    let broken = (0..40).map(|_| acme.post("/Redeem/goods", &broken));
    assert_gets_through(0, broken).await;
    assert_gets_through(0, (0..40).map(|_| acme.settled("x"))).await;

    assert_eq!(zeta.post("/Redeem/goods", &params).await.said(), (202, "0000"));
    let void = Caller::with_token(&process, &acme.token.replace("acme", "zeta"));
    for _ in 0..20 {
        assert_eq!(void.post("/Redeem/goods", &params).await.said(), (401, "0900"));
    }
    assert_eq!(zeta.post("/Redeem/goods", &params).await.said(), (202, "0000"), "not zeta's doing");
    eventually("a second later there is more", async || {
        acme.post("/Redeem/goods", &params).await.said() == (202, "0000")
    })
    .await;
    assert!(process.metric("redeemq_limited_total", "limit=\"client\"").await >= 60.0);
    site.close().await;
}

#[tokio::test]
async fn a_network_that_asks_too_often_is_429_whatever_it_asks_and_whatever_it_says_it_is() {
    let site = Site::open().await;
    let environment = [("REDEEMQ_RATE_ADDRESS", "1:10"), ("REDEEMQ_TRUSTED_HOPS", "1")];
    let process = site.start(Role::Ingress, &environment).await;
    let process = &process;

    // Each call claims to come from elsewhere; what the proxy added stands last.
    let spoofing = (0..40).map(async |i| {
        let forwarded_for = format!("198.51.100.{i}, 192.0.2.1");
        look(process, "void", &forwarded_for).await
    });
    assert_gets_through(10, spoofing).await;
    let one_customer =
        (0..40).map(async |i| look(process, "", &format!("2001:db8:1:2::{i}")).await);
    assert_gets_through(10, one_customer).await;
    assert_eq!(look(process, "", "192.0.2.2").await.said(), (401, "0902"), "an address of its own");
    assert_eq!(look(process, "", "2001:db8:1:3::1").await.said(), (401, "0902"));

    let stranger = Caller::stranger(process);
    let any = (0..40).map(async |i| {
        let path = ["/", "/Auth", "/Redeem/goods"][i % 3];
        let request = stranger.request([Method::GET, Method::POST][i % 2].clone(), path);
        stranger.send(request.header("X-Forwarded-For", "192.0.2.3")).await
    });
    assert_gets_through(10, any).await;
    for _ in 0..30 {
        for path in ["/livez", "/readyz"] {
            assert_eq!(stranger.get(path).await.status, 200, "probes are not counted");
        }
    }
    site.close().await;
}

#[tokio::test]
async fn without_a_proxy_that_is_trusted_nobody_is_believed_to_be_somebody_else() {
    let site = Site::open().await;
    let process = site.start(Role::Ingress, &[("REDEEMQ_RATE_ADDRESS", "1:10")]).await;
    let process = &process;
    let spoofing = (0..40).map(async |i| look(process, "", &format!("192.0.2.{i}")).await);
    assert_gets_through(10, spoofing).await;
    assert!(process.text().contains("REDEEMQ_TRUSTED_HOPS"), "the operator is told");
    site.close().await;
}

#[tokio::test]
async fn nothing_but_guesses_is_bounded_unless_the_operator_says_so() {
    let site = Site::open().await;
    let process = site.start(Role::Ingress, &[("REDEEMQ_CONNECTIONS_ADDRESS", "0")]).await;
    let caller = Caller::with_minted_token(&process, "acme", 0);
    let params = mug();
    let answers = join_all((0..400).map(|_| caller.post("/Redeem/goods", &params))).await;
    assert!(answers.iter().all(|answer| answer.said() == (202, "0000")));
    site.close().await;
}

#[tokio::test]
async fn a_rate_that_cannot_be_read_is_refused_at_the_start() {
    let site = Site::open().await;
    for (flag, value) in [("--rate-client", "0"), ("--rate-address", "many")] {
        let output = site.run(&["ingress", flag, value]);
        let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success());
        assert!(complaint.contains("200:1000"), "{complaint}");
    }
    site.close().await;
}
