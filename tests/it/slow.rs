//! Callers who take their time: each is cut off within a bound, and the others don't notice.

use futures_util::future::join_all;
use harness::{Caller, Process, Raw, Role, Site, eventually, mug};
use std::time::{Duration, Instant};

const HEAD: &str = "POST /Redeem/goods HTTP/1.1\r\nHost: x\r\n";
/// The ten seconds that docs/http.md promises, and this machine's noise.
const TEN_SECONDS: std::ops::Range<Duration> = Duration::from_secs(9)..Duration::from_secs(14);

/// An ingress, and a caller of it.
async fn ingress(site: &Site, environment: &[(&str, &str)]) -> (Process, Caller) {
    let process = site.start(Role::Ingress, environment).await;
    let caller = Caller::with_minted_token(&process, "acme", 0);
    (process, caller)
}

/// Sends jobs all along; how many were taken. Each must be, and soon.
async fn served_meanwhile<T>(caller: &Caller, meanwhile: impl Future<Output = T>) -> T {
    let mut meanwhile = std::pin::pin!(meanwhile);
    let mut served = 0;
    loop {
        let begun = Instant::now();
        let post = async {
            let answer = caller.post("/Redeem/goods", &mug_params()).await;
            assert_eq!(answer.said(), (202, "0000"), "{}", answer.text);
            assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
            tokio::time::sleep(Duration::from_millis(100)).await;
        };
        tokio::select! {
            done = &mut meanwhile => {
                assert!(served > 3, "only {served} jobs were taken meanwhile");
                return done;
            }
            () = post => served += 1,
        }
    }
}

fn mug_params() -> serde_json::Value {
    serde_json::from_slice::<serde_json::Value>(&mug("acme").body).expect("JSON")["params"].clone()
}

#[tokio::test]
async fn headers_that_drip_in_are_cut_off_after_ten_seconds() {
    let site = Site::open().await;
    let (process, caller) = ingress(&site, &[]).await;
    let dripping = (0..20).map(async |_| {
        let mut raw = Raw::to(&process.http).await;
        raw.send(HEAD).await;
        raw.drip("X").await
    });
    for (answer, after) in served_meanwhile(&caller, join_all(dripping)).await {
        assert_eq!(answer, "");
        assert!(TEN_SECONDS.contains(&after), "{after:?}");
    }
    let cut = process.metric("redeemq_connections_cut_total", "why=\"no_request\"").await;
    assert_eq!(cut, 20.0);
    site.close().await;
}

#[tokio::test]
async fn a_body_that_drips_in_is_408_after_ten_seconds_and_its_connection_ends() {
    let site = Site::open().await;
    let (process, caller) = ingress(&site, &[]).await;
    let dripping = (0..20).map(async |_| {
        let mut raw = Raw::to(&process.http).await;
        raw.send(&format!("{HEAD}Content-Type: application/json\r\nContent-Length: 9999\r\n\r\n"))
            .await;
        raw.drip(" ").await
    });
    for (answer, after) in served_meanwhile(&caller, join_all(dripping)).await {
        assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
        assert!(answer.contains("it took too long"), "{answer}");
        assert!(TEN_SECONDS.contains(&after), "{after:?}");
    }
    site.close().await;
}

#[tokio::test]
async fn one_who_reads_no_answers_is_cut_off() {
    let site = Site::open().await;
    let (process, caller) = ingress(&site, &[]).await;
    let mut raw = Raw::to(&process.http).await;
    let question = "GET /Redeem/jobs/x HTTP/1.1\r\nHost: x\r\n\r\n".repeat(100);
    served_meanwhile(&caller, raw.send_for_ever(&question)).await;
    eventually("the cut is counted", async || {
        process.metric("redeemq_connections_cut_total", "why=\"unread\"").await == 1.0
    })
    .await;
    site.close().await;
}

#[tokio::test]
async fn a_connection_without_a_further_request_is_closed_after_the_idle_bound() {
    let site = Site::open().await;
    let (process, caller) = ingress(&site, &[("REDEEMQ_IDLE_SECONDS", "3")]).await;
    let idle = async { Raw::known_to(&process).await.until_closed().await };
    let slow = async {
        let mut raw = Raw::known_to(&process).await;
        raw.send(HEAD).await;
        raw.drip("X").await
    };
    let both = async { tokio::join!(idle, slow) };
    let (idle, slow) = served_meanwhile(&caller, both).await;
    for (answer, after) in [idle, slow] {
        assert_eq!(answer, "");
        assert!(
            after > Duration::from_millis(2_500) && after < Duration::from_secs(7),
            "{after:?}"
        );
    }
    let cut = process.metric("redeemq_connections_cut_total", "why=\"idle\"").await;
    assert_eq!(cut, 2.0);
    site.close().await;
}

#[tokio::test]
async fn slow_callers_do_not_hold_the_end_of_a_process() {
    let site = Site::open().await;
    let (process, caller) = ingress(&site, &[]).await;
    let _idle = Raw::known_to(&process).await;
    let mut slow = Raw::to(&process.http).await;
    slow.send(HEAD).await;
    let mut on_metrics = Raw::to(&process.metrics).await;
    on_metrics.send("GET /metrics HTTP/1.1\r\nX: ").await;
    assert_eq!(caller.get("/readyz").await.status, 200);

    let begun = Instant::now();
    let ended = process.terminate().await;
    assert!(ended.success(), "{ended}");
    // Five seconds of grace; what hangs longer would be ended with the process, after nine and a half.
    assert!(begun.elapsed() < Duration::from_secs(9), "{:?}", begun.elapsed());
    site.close().await;
}
