//! P7 where nobody says anything: a line that swallows everything is worse than a server that is down.

use crate::harness::{Caller, Proxy, Role, Site, eventually};
use crate::outages::{MUG, SOON, assert_done, assert_unavailable, auth, mug};
use serde_json::json;
use std::time::Instant;

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
