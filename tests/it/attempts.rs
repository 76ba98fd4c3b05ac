//! P1: nothing lost. A message that fails again and again is looked up in the ledger, and put aside
//! only if it is undecided.

use harness::{Bench, MUG, Proxy, Request, Role, Site, Tally, eventually, mug, with_mugs};

/// A site without a worker, with a job that was delivered that often without success.
async fn failed(times: usize) -> (Site, Bench, Request) {
    let site = Site::with_clients().await;
    site.goods("acme", MUG);
    let bench = Bench::open(&site.amqp_url).await;
    bench.declare().await;
    let request = mug("acme");
    bench.publish(&request).await;
    bench.fail_at("redeem.requests", times).await;
    (site, bench, request)
}

/// As many attempts at a job that the process did not survive.
async fn attempts_on_record(site: &Site, request: &Request, attempts: i64) {
    sqlx::query(
        "insert into attempt (client_id, job_key, attempts) values ('acme', $1::text::uuid, $2)",
    )
    .bind(request.job_id())
    .bind(attempts)
    .execute(&site.store)
    .await
    .expect("a record");
}

#[tokio::test]
async fn a_job_that_failed_twenty_times_gets_its_last_chance() {
    let (site, bench, request) = failed(20).await;
    attempts_on_record(&site, &request, 15).await;
    let mut results = bench.results("#").await;
    let _worker = site.start(Role::Worker, &[]).await;
    let result = results.next().await;
    assert_eq!((result.message_id.clone(), result.code()), (request.job_id(), "0000"));
    assert_eq!(bench.depth("redeem.dead").await, 0);
    let forgotten = async || site.number("select count(*) from attempt").await == 0;
    eventually("its attempts are forgotten", forgotten).await;
    site.close().await;
}

#[tokio::test]
async fn deliveries_without_an_attempt_do_not_count() {
    let (site, bench, request) = failed(60).await;
    let mut results = bench.results("#").await;
    let _worker = site.start(Role::Worker, &[]).await;
    let result = results.next().await;
    assert_eq!((result.message_id.clone(), result.code()), (request.job_id(), "0000"));
    assert_eq!(bench.depth("redeem.dead").await, 0);
    site.close().await;
}

#[tokio::test]
async fn a_job_that_failed_too_often_is_dead_until_somebody_replays_it() {
    for (times, on_record) in [(21, 16), (101, 0)] {
        // After a hundred the broker itself puts it aside, and the worker's rule is the same.
        let (site, bench, request) = failed(times).await;
        attempts_on_record(&site, &request, on_record).await;
        let mut results = bench.results("#").await;
        let process = site.serve().await;
        eventually("it is dead", async || bench.depth("redeem.dead").await == 1).await;
        let row = &site.json(&["dead", "list"])[0];
        assert_eq!(row["id"], request.job_id());
        let reason = row["reason"].as_str().expect("a reason");
        assert!(reason.contains("without a decision"), "{reason}");
        let attempts = process.metric("redeemq_dead_total", "reason=\"attempts\"").await;
        assert_eq!(attempts, 1.0);
        let caller = site.caller(&process, "acme").await;
        let status = caller.get(&format!("/Redeem/jobs/{}", request.job_id())).await;
        assert_eq!(status.body["response"]["status"], "dead");

        site.json(&["dead", "replay", &request.job_id()]);
        assert_eq!(results.next().await.code(), "0000");
        let status = caller.settled(&request.job_id()).await;
        assert_eq!(status.body["response"]["status"], "done");
        site.close().await;
    }
}

#[tokio::test]
async fn a_decided_job_is_answered_however_often_its_message_failed() {
    let site = Site::with_clients().await;
    site.goods("acme", MUG);
    let worker = site.start(Role::Worker, &[]).await;
    let bench = Bench::open(&site.amqp_url).await;
    let mut results = bench.results("#").await;
    let request = mug("acme");
    bench.publish(&request).await;
    let first = results.next().await;
    assert!(worker.terminate().await.success());
    bench.publish(&request).await;
    bench.fail_at("redeem.requests", 30).await;

    let worker = site.start(Role::Worker, &[]).await;
    let again = results.next().await;
    assert_eq!((again.body, again.is_replayed), (first.body, true));
    assert_eq!(worker.metric("redeemq_dead_total", "").await, 0.0);
    assert_eq!(bench.depth("redeem.dead").await, 0);
    assert_eq!(site.number("select granted from goods").await, 1);
    site.close().await;
}

#[tokio::test]
async fn what_a_worker_gives_back_when_it_stops_counts_only_where_the_broker_counts_that() {
    let site = with_mugs().await;
    let bench = Bench::open(&site.amqp_url).await;
    bench.declare().await;
    let mut results = bench.results("#").await;
    let database = Proxy::before(&site.database_url).await;
    let worker = site.start(Role::Worker, &[("DATABASE_URL", &database.url)]).await;
    database.cut();
    let jobs: Vec<Request> = (0..20).map(|_| mug("acme")).collect();
    bench.publish_all(&jobs).await;
    eventually("it has them all", async || bench.depth("redeem.requests").await == 0).await;
    assert!(worker.terminate().await.success());
    eventually("all are back", async || bench.depth("redeem.requests").await == 20).await;
    let counts = site.broker.counts_returns().await;
    assert_eq!(bench.attempts("redeem.requests").await, if counts { "1" } else { "" });

    database.mend();
    let next = site.start(Role::Worker, &[]).await;
    let mut tally = Tally::of(&jobs);
    tally.read(&mut results, 0).await;
    assert!(tally.answers().iter().all(|answer| answer["error_code"] == "0000"));
    let redelivered = next.metric("redeemq_redelivered_total", "").await;
    assert_eq!(redelivered, if counts { 20.0 } else { 0.0 });
    site.close().await;
}
