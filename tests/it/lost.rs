//! P1 and P4: nothing lost, all answered. Workers stop or die in the midst of their work, and their
//! jobs are answered all the same.

use harness::site::management;
use harness::{Bench, Process, Proxy, Request, Role, Site, Tally, eventually};
use reqwest::Method;
use serde_json::json;
use sqlx::{Executor as _, Postgres, Transaction};
use std::time::{Duration, Instant};

const GOODS: &str = "goods_id,name,price\nmug,Mug,point=1\ncap,Cap,\n";

async fn with_goods() -> (Site, Bench) {
    let site = Site::with_clients().await;
    site.goods("acme", GOODS);
    let bench = Bench::open(&site.amqp_url).await;
    bench.declare().await;
    (site, bench)
}

fn job(goods: &str, player: usize) -> Request {
    let player = format!("p{}", player % 9 + 1);
    Request::new("acme", "goods", &json!({"goods_id": goods, "player_id": player, "amount": 1}))
}

/// Holds goods, so that a worker stands still in the middle of a batch.
async fn hold(site: &Site, goods: &'static str) -> Transaction<'static, Postgres> {
    let mut holder = site.store.begin().await.expect("a transaction");
    let lock = sqlx::query("select from goods where goods_id = $1 for update").bind(goods);
    holder.execute(lock).await.expect("held");
    holder
}

#[tokio::test]
async fn jobs_of_a_killed_worker_are_taken_over() {
    let (site, bench) = with_goods().await;
    let mut results = bench.results("#").await;
    let dying = site.start(Role::Worker, &[]).await;
    let holder = hold(&site, "mug").await;
    let jobs: Vec<Request> = (0..30).map(|player| job("mug", player)).collect();
    bench.publish_all(&jobs).await;
    eventually("the worker has them all", async || bench.depth("redeem.requests").await == 0).await;
    site.until_waiting(1).await;
    dying.kill();
    holder.rollback().await.expect("let go");

    let _heir = site.start(Role::Worker, &[]).await;
    let mut tally = Tally::of(&jobs);
    tally.read(&mut results, 0).await;
    assert!(tally.answers().iter().all(|answer| answer["error_code"] == "0000"));
    assert_eq!(site.number("select granted from goods where goods_id = 'mug'").await, 30);
    site.audit();
    site.close().await;
}

#[tokio::test]
async fn a_decision_whose_result_could_not_leave_is_answered_from_the_ledger() {
    let (site, bench) = with_goods().await;
    let mut results = bench.results("#").await;
    let line = Proxy::before(&site.amqp_url).await;
    let worker = site.start(Role::Worker, &[("AMQP_URL", &line.url)]).await;
    let holder = hold(&site, "mug").await;
    let request = job("mug", 1);
    bench.publish(&request).await;
    site.until_waiting(1).await;
    line.cut();
    eventually("the broker has it back", async || bench.depth("redeem.requests").await == 1).await;
    holder.rollback().await.expect("let go");
    eventually("it is decided", async || site.number("select count(*) from ledger").await == 1)
        .await;
    line.mend();

    let result = results.next().await;
    let stored: String = sqlx::query_scalar("select body from ledger")
        .fetch_one(&site.store)
        .await
        .expect("the stored answer");
    assert_eq!((result.message_id.as_str(), result.is_replayed), (request.job_id().as_str(), true));
    assert_eq!(result.body, stored.as_bytes());
    assert_eq!(site.number("select granted from goods where goods_id = 'mug'").await, 1);
    assert!(worker.metric("redeemq_sessions_lost_total", "").await >= 1.0);
    site.close().await;
}

#[tokio::test]
async fn a_result_that_the_broker_does_not_take_is_published_when_it_does() {
    let (site, bench) = with_goods().await;
    bench.queue("redeem.reply.mine", None, &[]).await;
    let mut replies = bench.read("redeem.reply.mine").await;
    let worker = site.start(Role::Worker, &[]).await;
    // Publishing fails now, while acknowledging would not.
    let results = format!("exchanges/{}/redeem.results", site.name);
    management(Method::DELETE, &results, None).await.expect("deleted");
    let request = job("mug", 1).reply_to("redeem.reply.mine");
    bench.publish(&request).await;

    let reply = replies.next().await;
    assert_eq!((reply.message_id.clone(), reply.is_replayed), (request.job_id(), true));
    assert_eq!(worker.metric("redeemq_sessions_lost_total", "").await, 1.0);
    let unknown = worker.metric("redeemq_confirms_unknown_total", "of=\"results\"").await;
    assert_eq!(unknown, 2.0, "the result and its copy");
    assert_eq!(site.number("select granted from goods where goods_id = 'mug'").await, 1);
    site.close().await;
}

/// SIGTERM, and what it is worth: a clean exit in time.
async fn stop(worker: Process) {
    let begun = Instant::now();
    assert!(worker.terminate().await.success());
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_worker_that_is_stopped_under_load_leaves_nothing_decided_to_be_answered_again() {
    let (site, bench) = with_goods().await;
    let mut results = bench.results("#").await;
    let jobs: Vec<Request> = (0..4_000).map(|player| job("cap", player)).collect();
    let mut tally = Tally::of(&jobs);
    bench.publish_all(&jobs).await;

    let worker = site.start(Role::Worker, &[]).await;
    tally.read(&mut results, jobs.len() - 1).await;
    stop(worker).await;
    let left = bench.depth("redeem.requests").await;
    assert!(left > 0, "it was stopped in the middle");

    let worker = site.start(Role::Worker, &[]).await;
    tally.read_all(&bench, &mut results).await;
    stop(worker).await;
    assert_eq!(bench.depth("redeem.requests").await, 0);
    tally.read_rest(&bench, &mut results).await;
    assert_eq!((tally.count(), tally.replayed()), (jobs.len(), 0));
    assert_eq!(tally.answers().len(), jobs.len());
    assert_eq!(site.number("select granted from goods where goods_id = 'cap'").await, 4_000);
    site.close().await;
}
