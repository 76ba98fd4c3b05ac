//! P6 and P7 in time: a row that somebody else's session holds keeps those waiting who need it, and
//! nobody else; a batch that is too big for its time gets smaller.

use harness::{Bench, Process, Reader, Request, Role, Site, Tally, eventually};
use serde_json::json;
use sqlx::{AssertSqlSafe, Executor as _, Postgres, Transaction};
use std::time::{Duration, Instant};

/// Five mugs, and more caps than anyone asks for.
const GOODS: &str = "goods_id,name,quantity,price\nmug,Mug,5,point=1\ncap,Cap,,\n";

async fn with_goods() -> (Site, Bench, Reader) {
    let site = Site::with_clients().await;
    site.goods("acme", GOODS);
    let bench = Bench::open(&site.amqp_url).await;
    bench.declare().await;
    let results = bench.results("#").await;
    (site, bench, results)
}

fn job(goods: &str, player: usize) -> Request {
    let player = format!("p{}", player % 9 + 1);
    Request::new("acme", "goods", &json!({"goods_id": goods, "player_id": player, "amount": 1}))
}

/// An operator's session, or another program's, that took a row and does not let go of it.
async fn hold(site: &Site, table: &str, row: &str) -> Transaction<'static, Postgres> {
    let mut holder = site.store.begin().await.expect("a transaction");
    let lock = format!("select from {table} where {row} for update");
    holder.execute(AssertSqlSafe(lock)).await.expect("held");
    holder
}

async fn stalled(worker: &Process) -> f64 {
    worker.metric("redeemq_batch_errors_total", "stalled").await
}

/// Nothing was charged with an attempt, put aside or lost on the way.
async fn assert_unharmed(worker: &Process, bench: &Bench) {
    assert_eq!(worker.metric("redeemq_dead_total", "").await, 0.0);
    assert_eq!(worker.metric("redeemq_batches_split_total", "").await, 0.0);
    assert_eq!(worker.metric("redeemq_sessions_lost_total", "").await, 0.0);
    assert_eq!(bench.depth("redeem.dead").await, 0);
}

#[tokio::test]
async fn goods_that_somebody_holds_keep_only_their_own_jobs_waiting_and_in_order() {
    let (site, bench, mut results) = with_goods().await;
    let holder = hold(&site, "goods", "goods_id = 'mug'").await;
    let mugs: Vec<Request> = (0..8).map(|player| job("mug", player)).collect();
    let caps: Vec<Request> = (0..8).map(|player| job("cap", player)).collect();
    let mixed: Vec<Request> = mugs[..4]
        .iter()
        .zip(&caps[..4])
        .flat_map(|(mug, cap)| [mug.clone(), cap.clone()])
        .collect();
    bench.publish_all(&mixed).await;
    let worker = site.start(Role::Worker, &[]).await;
    Tally::of(&caps[..4]).read(&mut results, 0).await;

    // Whoever comes now stands behind those who wait, or passes by.
    bench.publish_all(&mugs[4..]).await;
    for cap in &caps[4..] {
        bench.publish(cap).await;
        assert_eq!(results.next().await.message_id, cap.job_id());
    }
    eventually("it is still tried", async || stalled(&worker).await >= 3.0).await;
    assert_eq!(site.number("select count(*) from ledger").await, 8);
    assert_eq!(worker.metric("redeemq_lane_paused", "").await, 0.0);

    holder.rollback().await.expect("let go");
    let answers = results.take(8).await;
    let ids: Vec<&str> = answers.iter().map(|answer| answer.message_id.as_str()).collect();
    assert_eq!(ids, mugs.iter().map(Request::job_id).collect::<Vec<_>>());
    let codes: Vec<&str> = answers.iter().map(|answer| answer.code()).collect();
    assert_eq!(codes, ["0000", "0000", "0000", "0000", "0000", "0604", "0604", "0604"]);
    assert!(answers.iter().all(|answer| !answer.is_replayed));
    assert_eq!(worker.metric("redeemq_jobs_aside", "held").await, 0.0);
    assert_unharmed(&worker, &bench).await;
    site.audit();
    site.close().await;
}

#[tokio::test]
async fn a_balance_that_somebody_holds_does_not_stop_others_who_want_the_same_goods() {
    let (site, bench, mut results) = with_goods().await;
    site.goods("acme", "goods_id,name,price\nmug,Mug,point=1\n");
    let holder = hold(&site, "balance", "client_id = 'acme' and player_id = 'p1'").await;
    let held = [job("mug", 0), job("mug", 0)];
    bench.publish_all(&[held[0].clone(), job("mug", 1), held[1].clone()]).await;
    let worker = site.start(Role::Worker, &[]).await;
    results.next().await;

    // For longer than the line for a lock is: none of them may stand in it.
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(4) {
        let other = job("mug", 1);
        bench.publish(&other).await;
        assert_eq!(results.next().await.message_id, other.job_id());
    }
    assert_eq!(stalled(&worker).await, 1.0);

    holder.rollback().await.expect("let go");
    for held in &held {
        assert_eq!(results.next().await.message_id, held.job_id());
    }
    assert_unharmed(&worker, &bench).await;
    site.audit();
    site.close().await;
}

#[tokio::test]
async fn jobs_that_wait_for_held_goods_never_fill_the_worker() {
    let (site, bench, mut results) = with_goods().await;
    let holder = hold(&site, "goods", "goods_id = 'mug'").await;
    let mugs: Vec<Request> = (0..30).map(|player| job("mug", player)).collect();
    bench.publish_all(&mugs).await;
    let cap = job("cap", 1);
    bench.publish(&cap).await;

    // Six deliveries are prefetched by a worker with batches of two.
    let worker = site.start(Role::Worker, &[("REDEEMQ_BATCH_MAX", "2")]).await;
    assert_eq!(results.next().await.message_id, cap.job_id());
    holder.rollback().await.expect("let go");
    let ids: Vec<String> = results.take(30).await.into_iter().map(|r| r.message_id).collect();
    assert_eq!(ids, mugs.iter().map(Request::job_id).collect::<Vec<_>>());
    assert_unharmed(&worker, &bench).await;
    site.close().await;
}

#[tokio::test]
async fn a_worker_that_stops_leaves_those_who_wait_to_another() {
    let (site, bench, mut results) = with_goods().await;
    let holder = hold(&site, "goods", "goods_id = 'mug'").await;
    let mugs: Vec<Request> = (0..5).map(|player| job("mug", player)).collect();
    bench.publish_all(&mugs).await;
    let worker = site.start(Role::Worker, &[]).await;
    eventually("they wait", async || stalled(&worker).await >= 1.0).await;
    let begun = Instant::now();
    assert!(worker.terminate().await.success());
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    eventually("they are back", async || bench.depth("redeem.requests").await == 5).await;

    let _heir = site.start(Role::Worker, &[]).await;
    holder.rollback().await.expect("let go");
    let mut tally = Tally::of(&mugs);
    tally.read_all(&bench, &mut results).await;
    assert_eq!(tally.replayed(), 0);
    assert_eq!(bench.depth("redeem.dead").await, 0);
    site.close().await;
}

#[tokio::test]
async fn a_batch_that_is_too_big_for_its_time_is_halved_until_it_is_not() {
    let (site, bench, mut results) = with_goods().await;
    site.tamper(
        "create function take_time() returns trigger language plpgsql as
         $$ begin perform pg_sleep(0.08); return new; end $$;
         create trigger slow before insert on ledger for each row execute function take_time()",
    )
    .await;
    // Together they take more than the five seconds of a statement.
    let caps: Vec<Request> = (0..90).map(|player| job("cap", player)).collect();
    bench.publish_all(&caps).await;
    let worker = site.start(Role::Worker, &[]).await;
    let mut tally = Tally::of(&caps);
    tally.read_all(&bench, &mut results).await;
    assert!(stalled(&worker).await >= 1.0);
    assert_eq!((tally.count(), tally.replayed()), (90, 0));
    assert_eq!(site.number("select granted from goods where goods_id = 'cap'").await, 90);
    assert_unharmed(&worker, &bench).await;
    site.close().await;
}
