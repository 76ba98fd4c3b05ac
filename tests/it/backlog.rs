//! A long queue in front of a worker whose line breaks again and again. The broker charges each break to
//! all that it had only prefetched, and nothing shall die of that untried.

use harness::{Bench, Proxy, Request, Role, Tally, eventually, mug, with_mugs};
use std::time::Duration;

const JOBS: usize = 300;
/// More than a job may be delivered.
const BREAKS: usize = 24;
/// So far is the database that a break comes after a job or two.
const FAR: Duration = Duration::from_millis(10);
/// So far that it comes after a few dozen.
const NEAR: Duration = Duration::from_millis(2);

#[tokio::test]
async fn jobs_that_were_only_sent_ahead_do_not_die_of_broken_lines() {
    they_survive(&[], &["redeem.requests"]).await;
}

#[tokio::test]
async fn nor_do_those_of_a_lane() {
    // By their one goods, all of them meet.
    they_survive(&[("REDEEMQ_LANES", "2")], &["redeem.requests.1", "redeem.requests.2"]).await;
}

#[tokio::test]
async fn a_delivery_that_ended_before_its_job_was_tried_is_not_held_against_it() {
    let site = with_mugs().await;
    let bench = Bench::open(&site.amqp_url).await;
    bench.declare().await;
    let mut results = bench.results("#").await;
    let jobs: Vec<Request> = (0..70).map(|_| mug("acme")).collect();
    bench.publish_all(&jobs).await;
    eventually("they lie there", async || bench.depth("redeem.requests").await == 70).await;
    // Two more, and each of them is given up. (One may strike what is still on its way.)
    bench.fail_at_all("redeem.requests", 70, 19).await;

    let line = Proxy::before(&site.amqp_url).await;
    let database = Proxy::before(&site.database_url).await;
    database.delay(NEAR);
    let lines = [("AMQP_URL", line.url.as_str()), ("DATABASE_URL", database.url.as_str())];
    let worker = site.start(Role::Worker, &lines).await;
    let decided = async || worker.metric("redeemq_decided_total", "").await;
    let lost = async || worker.metric("redeemq_sessions_lost_total", "").await;
    for of_this in [25.0, 50.0] {
        // Twenty were fetched singly; those behind them have been prefetched.
        eventually("so many are decided", async || decided().await >= of_this).await;
        let sessions = lost().await;
        line.cut();
        eventually("its session ends", async || lost().await > sessions).await;
        line.mend();
    }
    let mut tally = Tally::of(&jobs);
    tally.read_all(&bench, &mut results).await;
    assert!(tally.answers().iter().all(|answer| answer["error_code"] == "0000"));
    assert_eq!(bench.depth("redeem.dead").await, 0);
    assert_eq!(site.number("select count(*) from attempt").await, 0, "each attempt has ended");
    site.audit();
    site.close().await;
}

async fn they_survive(lanes: &[(&str, &str)], queues: &[&str]) {
    let site = with_mugs().await;
    let bench = Bench::open(&site.amqp_url).await;
    bench.declare().await;
    let mut results = bench.results("#").await;
    let line = Proxy::before(&site.amqp_url).await;
    let database = Proxy::before(&site.database_url).await;
    let lines = [lanes, &[("AMQP_URL", &line.url), ("DATABASE_URL", &database.url)]].concat();
    let waiting = async || {
        let mut jobs = 0;
        for queue in queues {
            jobs += bench.depth(queue).await;
        }
        jobs as usize
    };

    // Charged once, so that each of them goes alone.
    let first = site.start(Role::Worker, &lines).await;
    database.cut();
    let jobs: Vec<Request> = (0..JOBS).map(|_| mug("acme")).collect();
    bench.publish_all(&jobs).await;
    eventually("it has them", async || waiting().await == 0).await;
    first.kill();
    eventually("they are back", async || waiting().await == JOBS).await;

    database.mend();
    database.delay(FAR);
    let worker = site.start(Role::Worker, &lines).await;
    let decided = async || worker.metric("redeemq_decided_total", "").await;
    let lost = async || worker.metric("redeemq_sessions_lost_total", "").await;
    for _ in 0..BREAKS {
        let (jobs, sessions) = (decided().await, lost().await);
        eventually("it goes on", async || decided().await > jobs + 2.0).await;
        line.cut();
        eventually("its session ends", async || lost().await > sessions).await;
        line.mend();
    }
    database.delay(Duration::ZERO);
    let mut tally = Tally::of(&jobs);
    tally.read_all(&bench, &mut results).await;
    assert!(tally.answers().iter().all(|answer| answer["error_code"] == "0000"));
    assert_eq!(bench.depth("redeem.dead").await, 0);
    site.audit();
    site.close().await;
}
