//! P7: degrades honestly. Database away: jobs are accepted and wait. Broker away or full: 503 with
//! Retry-After, never a false 202.

use futures_util::future::join_all;
use harness::{Answer, Bench, Caller, Proxy, Role, Site, eventually};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

pub const MUG: &str = "goods_id,name\nmug,Mug\n";
/// How soon a caller must be told that we can't, or can again.
pub const SOON: Duration = Duration::from_secs(5);

pub fn mug() -> Value {
    json!({"goods_id": "mug", "player_id": "p1", "amount": 1})
}

pub fn assert_unavailable(answer: &Answer) {
    assert_eq!(answer.said(), (503, "3003"), "{}", answer.text);
    assert!(answer.header("retry-after").parse::<u32>().is_ok_and(|s| s > 0), "no Retry-After");
}

pub async fn assert_done(caller: &Caller, job_id: &str) {
    let status = caller.settled(job_id).await;
    assert_eq!(status.body["response"]["result"]["error_code"], "0000", "{}", status.text);
}

pub async fn auth(caller: &Caller) -> Answer {
    caller.post("/Auth", &json!({"api_key": "k", "api_secret": "s"})).await
}

#[tokio::test]
async fn while_the_database_is_away_jobs_are_accepted_and_wait() {
    let site = Site::with_clients().await;
    site.goods("acme", MUG);
    let line = Proxy::before(&site.database_url).await;
    let process = site.start(Role::Serve, &[("DATABASE_URL", &line.url)]).await;
    let caller = site.caller(&process, "acme").await;
    let before = caller.post("/Redeem/goods", &mug()).await.job_id();
    assert_done(&caller, &before).await;

    line.cut();
    let mug = mug();
    let posts = join_all((0..10).map(|_| caller.post("/Redeem/goods", &mug))).await;
    assert!(posts.iter().all(|answer| answer.said() == (202, "0000")));
    eventually("the worker has tried", async || {
        process.metric("redeemq_batch_errors_total", "transient").await > 1.0
    })
    .await;
    assert_unavailable(&auth(&caller).await);
    assert_unavailable(&caller.get(&format!("/Redeem/jobs/{before}")).await);
    assert_eq!(caller.get("/readyz").await.status, 200, "for jobs are accepted");
    let begun = Instant::now();
    let waiting = caller.request(reqwest::Method::POST, "/Redeem/goods").header("Prefer", "wait=1");
    let late = caller.send(waiting.json(&mug)).await;
    assert_eq!(late.said(), (202, "0000"));
    assert!(begun.elapsed() < SOON);

    line.mend();
    let mended = Instant::now();
    for answer in posts.iter().chain([&late]) {
        assert_done(&caller, &answer.job_id()).await;
    }
    assert!(mended.elapsed() < SOON, "{:?}", mended.elapsed());
    assert_eq!(auth(&caller).await.said(), (401, "0001"));
    assert_eq!(site.number("select granted from goods").await, 12);
    assert_eq!(Bench::open(&site.amqp_url).await.depth("redeem.dead").await, 0);
    site.audit();
    site.close().await;
}

#[tokio::test]
async fn while_the_broker_is_away_callers_are_told_at_once_and_what_is_decided_stays_fetchable() {
    let site = Site::with_clients().await;
    site.goods("acme", MUG);
    let line = Proxy::before(&site.amqp_url).await;
    let process = site.start(Role::Serve, &[("AMQP_URL", &line.url)]).await;
    let caller = site.caller(&process, "acme").await;
    let before = caller.post("/Redeem/goods", &mug()).await.job_id();
    assert_done(&caller, &before).await;

    line.cut();
    let begun = Instant::now();
    let mut unknown = 0;
    for _ in 0..20 {
        let answer = caller.decide("/Redeem/goods", &mug()).await;
        assert_unavailable(&answer);
        unknown += i64::from(answer.body["response"]["accepted"] == "unknown");
    }
    assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
    eventually("it is not ready", async || caller.get("/readyz").await.status == 503).await;
    let counted = process.metric("redeemq_confirms_unknown_total", "of=\"requests\"").await;
    assert_eq!(counted, unknown as f64);
    assert_eq!(process.metric("redeemq_gates_open", "").await, 0.0);
    assert_done(&caller, &before).await;

    line.mend();
    let mended = Instant::now();
    eventually("it is ready", async || caller.get("/readyz").await.status == 200).await;
    let answer = caller.decide("/Redeem/goods", &mug()).await;
    assert_eq!(answer.said(), (200, "0000"));
    assert!(mended.elapsed() < SOON, "{:?}", mended.elapsed());
    let granted = site.number("select granted from goods").await;
    assert!((2..=2 + unknown).contains(&granted), "{granted} granted, {unknown} unknown");
    site.audit();
    site.close().await;
}

#[tokio::test]
async fn a_process_that_starts_without_its_servers_comes_up_when_they_do() {
    let site = Site::with_clients().await;
    site.goods("acme", MUG);
    let (database, broker) =
        (Proxy::before(&site.database_url).await, Proxy::before(&site.amqp_url).await);
    database.cut();
    broker.cut();
    let lines = [("DATABASE_URL", database.url.as_str()), ("AMQP_URL", broker.url.as_str())];
    let process = site.launch(Role::Serve, &lines).await;
    let caller = site.caller(&process, "acme").await;

    assert_eq!(caller.get("/livez").await.status, 200);
    assert_unavailable(&caller.get("/readyz").await);
    assert_unavailable(&caller.post("/Redeem/goods", &mug()).await);
    assert_unavailable(&auth(&caller).await);
    eventually("an old snapshot of the clients is told as such", async || {
        process.metric("redeemq_clients_snapshot_failing", "").await == 1.0
    })
    .await;

    broker.mend();
    eventually("it is ready", async || caller.get("/readyz").await.status == 200).await;
    let answer = caller.post("/Redeem/goods", &mug()).await;
    assert_eq!(answer.said(), (202, "0000"), "the signature decides");
    assert_unavailable(&auth(&caller).await);

    database.mend();
    eventually("the status is known", async || {
        caller.get(&format!("/Redeem/jobs/{}", answer.job_id())).await.status == 200
    })
    .await;
    assert_done(&caller, &answer.job_id()).await;
    eventually("the snapshot is new again", async || {
        process.metric("redeemq_clients_snapshot_failing", "").await == 0.0
    })
    .await;
    site.close().await;
}

#[tokio::test]
async fn a_full_queue_is_told_as_such_and_every_202_is_in_it() {
    let site = Site::with_clients().await;
    site.goods("acme", MUG);
    let tiny = [("REDEEMQ_QUEUE_BYTES", "4000")];
    let process = site.start(Role::Ingress, &tiny).await;
    let caller = site.caller(&process, "acme").await;
    let bench = Bench::open(&site.amqp_url).await;

    let mug = mug();
    let mut queued = Vec::new();
    let mut refused = 0;
    for _ in 0..4 {
        for answer in join_all((0..64).map(|_| caller.post("/Redeem/goods", &mug))).await {
            if answer.status == 202 {
                queued.push(answer.job_id());
            } else {
                assert_unavailable(&answer);
                assert!(
                    answer.body["response"].is_null(),
                    "it is known that the job is not queued"
                );
                refused += 1;
            }
        }
    }
    assert!(!queued.is_empty() && refused > 0, "{} queued, {refused} refused", queued.len());
    let returned = process.metric("redeemq_requests_returned_total", "why=\"full\"").await;
    assert_eq!(returned, f64::from(refused));
    let depth = async || bench.depth("redeem.requests").await as usize;
    eventually("every 202 is in the queue", async || depth().await >= queued.len()).await;
    assert_eq!(depth().await, queued.len());

    let _worker = site.start(Role::Worker, &tiny).await;
    for job_id in &queued {
        assert_done(&caller, job_id).await;
    }
    assert_eq!(site.number("select granted from goods").await as usize, queued.len());
    eventually("there is room again", async || {
        caller.decide("/Redeem/goods", &mug).await.said() == (200, "0000")
    })
    .await;
    site.close().await;
}

#[tokio::test]
async fn slow_lines_make_answers_late_and_change_nothing_else() {
    let site = Site::with_clients().await;
    site.goods("acme", MUG);
    let (database, broker) =
        (Proxy::before(&site.database_url).await, Proxy::before(&site.amqp_url).await);
    let lines = [("DATABASE_URL", database.url.as_str()), ("AMQP_URL", broker.url.as_str())];
    let process = site.start(Role::Serve, &lines).await;
    let caller = site.caller(&process, "acme").await;

    let by = Duration::from_millis(50);
    database.delay(by);
    broker.delay(by);
    let (begun, mug) = (Instant::now(), mug());
    let answers = join_all((0..20).map(|_| caller.decide("/Redeem/goods", &mug))).await;
    assert!(answers.iter().all(|answer| answer.said() == (200, "0000")));
    // Request, confirm, delivery and result, and a few statements between them.
    assert!(begun.elapsed() > by * 8, "{:?}: were the lines slow?", begun.elapsed());
    assert_eq!(site.number("select granted from goods").await, 20);
    site.close().await;
}
