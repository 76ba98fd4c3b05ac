//! P7 where nobody says anything: a line that swallows everything is worse than a server that is down.

use harness::{Bench, Caller, Proxy, Role, Site, eventually};

use crate::outages::{MUG, SOON, assert_done, assert_unavailable, auth, mug};
use futures_util::future::join_all;
use serde_json::json;
use std::time::Instant;

/// For tests that wait for it several times.
const SHORT: (&str, &str) = ("REDEEMQ_STATEMENT_SECONDS", "1");

#[tokio::test]
async fn a_database_that_falls_silent_is_told_as_such_and_jobs_wait() {
    let site = Site::with_clients().await;
    site.goods("acme", MUG);
    let line = Proxy::before(&site.database_url).await;
    let process = site.start(Role::Serve, &[("DATABASE_URL", &line.url)]).await;
    let caller = site.caller(&process, "acme").await;
    let (mug, path) = (mug(), format!("/Redeem/jobs/{}", uuid::Uuid::nil()));

    line.freeze();
    let begun = Instant::now();
    let (posted, auth, status) =
        tokio::join!(caller.post("/Redeem/goods", &mug), auth(&caller), caller.get(&path));
    assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
    assert_eq!(posted.said(), (202, "0000"));
    assert_unavailable(&auth);
    assert_unavailable(&status);

    line.mend();
    assert_done(&caller, &posted.job_id()).await;
    site.close().await;
}

#[tokio::test]
async fn a_connection_to_the_database_that_is_lost_without_a_word_holds_no_caller_for_long() {
    let site = Site::with_clients().await;
    let line = Proxy::before(&site.database_url).await;
    let process = site.start(Role::Ingress, &[("DATABASE_URL", &line.url)]).await;
    let caller = site.caller(&process, "acme").await;
    let asking = |caller: Caller| async move {
        caller.get(&format!("/Redeem/jobs/{}", uuid::Uuid::nil())).await
    };

    // All who wait for an answer of the database shall be caught by the loss.
    let mut locks = site.store.begin().await.expect("a transaction");
    sqlx::query("lock table client, ledger").execute(&mut *locks).await.expect("locks");
    let asked = tokio::spawn(asking(caller.clone()));
    let stranger = caller.clone();
    let authenticated = tokio::spawn(async move { auth(&stranger).await });
    let waiting = "select count(*) from pg_stat_activity \
                   where datname = current_database() and wait_event_type = 'Lock'";
    eventually("status, token and snapshot wait", async || site.number(waiting).await == 3).await;
    line.freeze();
    locks.rollback().await.expect("no more locks");
    line.lose();

    assert_unavailable(&asked.await.expect("an answer"));
    assert_unavailable(&authenticated.await.expect("an answer"));
    site.json(&["client", "disable", "acme"]);
    eventually("the snapshot is read again", async || {
        caller.post("/Redeem/goods", &mug()).await.said() == (403, "0002")
    })
    .await;
    site.close().await;
}

#[tokio::test]
async fn sessions_that_were_lost_without_a_word_are_replaced_at_the_ingress() {
    let site = Site::with_clients().await;
    let line = Proxy::before(&site.database_url).await;
    let process = site.start(Role::Ingress, &[("DATABASE_URL", &line.url), SHORT]).await;
    let caller = site.caller(&process, "acme").await;
    let path = format!("/Redeem/jobs/{}", uuid::Uuid::nil());

    // All the sessions that it may have.
    let mut lock = site.store.begin().await.expect("a transaction");
    sqlx::query("lock table ledger").execute(&mut *lock).await.expect("a lock");
    let asked = join_all((0..8).map(|_| caller.get(&path)));
    let losing = async {
        site.until_waiting(8).await;
        line.freeze();
        lock.rollback().await.expect("let go");
        line.lose();
    };
    let (answers, ()) = tokio::join!(asked, losing);
    answers.iter().for_each(assert_unavailable);
    eventually("the ledger can be asked again", async || caller.get(&path).await.status == 404)
        .await;
    site.close().await;
}

#[tokio::test]
async fn batches_that_are_lost_without_a_word_again_and_again_leave_the_worker_its_sessions() {
    let site = Site::with_clients().await;
    site.goods("acme", MUG);
    let line = Proxy::before(&site.database_url).await;
    let bench = Bench::open(&site.amqp_url).await;
    let worker = site.start(Role::Worker, &[("DATABASE_URL", &line.url), SHORT]).await;
    let mut results = bench.results("#").await;

    // One more than the sessions that it may have.
    for _ in 0..5 {
        let mut holder = site.store.begin().await.expect("a transaction");
        sqlx::query("select from goods for update").execute(&mut *holder).await.expect("held");
        let request = harness::mug("acme");
        bench.publish(&request).await;
        site.until_waiting(1).await;
        line.freeze();
        holder.rollback().await.expect("let go");
        line.lose();
        let lost = Instant::now();
        assert_eq!(results.next().await.message_id, request.job_id());
        // Two seconds for an answer; a noisy machine may take much longer.
        assert!(lost.elapsed().as_secs() < 9, "{:?}", lost.elapsed());
    }
    assert!(worker.metric("redeemq_batch_errors_total", "stalled").await >= 5.0);
    assert_eq!(worker.metric("redeemq_dead_total", "").await, 0.0);
    assert_eq!(site.number("select granted from goods").await, 5);
    site.close().await;
}

#[tokio::test]
async fn a_confirm_that_does_not_come_is_told_as_unknown_and_the_key_makes_both_tries_one_job() {
    let site = Site::with_clients().await;
    site.goods("acme", MUG);
    let line = Proxy::before(&site.amqp_url).await;
    let process = site.start(Role::Serve, &[("AMQP_URL", &line.url)]).await;
    let caller = site.caller(&process, "acme").await;

    line.freeze();
    let answer = caller.decide_once("/Redeem/goods", "order-1", &mug()).await;
    assert_unavailable(&answer);
    assert_eq!(answer.body["response"], json!({"accepted": "unknown"}), "and no id is shown");

    line.mend();
    eventually("the second try is decided", async || {
        caller.decide_once("/Redeem/goods", "order-1", &mug()).await.said() == (200, "0000")
    })
    .await;
    assert_eq!(site.number("select granted from goods").await, 1);
    assert_eq!(site.number("select count(*) from ledger").await, 1);
    site.close().await;
}
