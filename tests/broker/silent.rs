//! P6: a reader's queue whose leader is lost. RabbitMQ neither takes nor refuses what goes there, and it
//! holds up whatever follows on the same channel.

use crate::node::{Node, alone};
use harness::{Bench, Process, Proxy, Reader, Request, Role, Site, Tally, eventually, mug};
use lapin::types::AMQPValue;
use serde_json::json;
use std::time::{Duration, Instant};

/// How long a window waits for its confirms, and the question whether the broker is there.
const STALL: Duration = Duration::from_secs(6);
/// How long a result waits for a silent queue.
const HELD: Duration = Duration::from_secs(30);

/// A site with a quorum queue that reads the results of acme, and at which copies of them are asked for; its
/// leader stands still.
async fn with_a_silent_queue(node: &Node) -> (Site, String) {
    let site = node.site().await;
    let bench = Bench::open(&site.amqp_url).await;
    bench.declare().await;
    let name = "redeem.reply.lost";
    let kind = [("x-queue-type", AMQPValue::LongString("quorum".into()))];
    bench.queue(name, Some("acme.#"), &kind).await;
    node.still_leader(&site.name, name, true);
    (site, name.to_owned())
}

fn unknown_coupon(client: &str) -> Request {
    let params = json!({"goods_group": "cinema", "coupon_code": "none", "pin_code": null});
    Request::new(client, "verify", &params)
}

async fn count(process: &Process, metric: &str, outcome: &str) -> f64 {
    process.metric(metric, &format!("outcome=\"{outcome}\"")).await
}

/// How long some jobs of zeta take, and answers them all.
async fn served(bench: &Bench, results: &mut Reader, jobs: usize) -> Duration {
    let begun = Instant::now();
    let jobs: Vec<Request> = (0..jobs).map(|_| mug("zeta")).collect();
    bench.publish_all(&jobs).await;
    Tally::of(&jobs).read(results, 0).await;
    begun.elapsed()
}

/// Longer than [`eventually`] waits by itself.
async fn eventually_given_up(process: &Process, results: f64) {
    let deadline = Instant::now() + HELD;
    while Instant::now() < deadline
        && count(process, "redeemq_results_total", "unconfirmed").await < results
    {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    eventually("what nobody confirms is given up", async || {
        count(process, "redeemq_results_total", "unconfirmed").await == results
    })
    .await;
}

#[tokio::test]
async fn a_readers_queue_without_a_leader_holds_up_nobody() {
    let (node, _turn) = alone().await;
    let (site, silent) = with_a_silent_queue(node).await;
    let bench = Bench::open(&site.amqp_url).await;
    let mut results = bench.results("zeta.#").await;
    // Another queue of the same reader's is well. What is published gets there; what is held and given up
    // while the circuit is open does not, and stays fetchable.
    let mut healthy = bench.results("acme.#").await;

    // The first delivery of a session goes alone; the next comes when that one's result is set aside.
    let mut jobs: Vec<Request> = (0..20).map(|_| mug("acme").reply_to(&silent)).collect();
    bench.publish_all(&jobs).await;
    let database = Proxy::before(&site.database_url).await;
    let process = site.start(Role::Serve, &[("DATABASE_URL", &database.url)]).await;
    let first = served(&bench, &mut results, 20).await;
    let usual = served(&bench, &mut results, 200).await;
    assert!(first < STALL * 2 + usual, "{first:?}, then {usual:?}");
    Tally::of(&jobs).read(&mut healthy, jobs.len() - 1).await;

    // Another route to it; and in the same window, which is more than RabbitMQ reads for a channel that
    // stands still, a dead letter and what others wait for. So the worker shall have all of it at once.
    database.cut();
    bench.publish(&mug("zeta")).await;
    eventually("its hands are full", async || {
        process.metric("redeemq_batch_errors_total", "transient").await >= 1.0
    })
    .await;
    let others: Vec<Request> = (0..49).map(|_| mug("zeta")).collect();
    let mut window = vec![unknown_coupon("acme").with("v", 7.into())];
    for other in &others {
        let more: Vec<Request> = (0..9).map(|_| unknown_coupon("acme")).collect();
        window.extend(more.iter().chain([other]).cloned());
        jobs.extend(more);
    }
    bench.publish_all(&window).await;
    eventually("it has them all", async || bench.depth("redeem.requests").await == 0).await;
    database.mend();
    let begun = Instant::now();
    Tally::of(&others).read(&mut results, 0).await;
    let second = begun.elapsed();
    assert!(second < STALL * 2 + usual, "{second:?}, usually {usual:?}");
    // From then on nobody waits for it, however much goes there.
    let flood: Vec<Request> = (0..300).map(|_| mug("acme")).collect();
    bench.publish_all(&flood).await;
    let meanwhile = served(&bench, &mut results, 200).await;
    assert!(meanwhile < usual * 4 + Duration::from_secs(1), "{meanwhile:?}, usually {usual:?}");
    assert_eq!(process.metric("redeemq_routes_silent", "").await, 3.0);

    jobs.extend(flood);
    eventually_given_up(&process, jobs.len() as f64).await;
    assert_eq!(count(&process, "redeemq_replies_total", "unconfirmed").await, 21.0);
    assert_eq!(process.metric("redeemq_sessions_lost_total", "").await, 0.0);
    assert_eq!(process.metric("redeemq_acks_lost_total", "").await, 0.0);
    let granted = site.number("select granted from goods where scope = 'acme'").await;
    assert_eq!(granted, 320);
    let caller = site.caller(&process, "acme").await;
    for request in jobs[..20].iter().chain([&jobs[20], &jobs[760]]) {
        let status = caller.settled(&request.job_id()).await;
        assert_eq!(status.body["response"]["status"], "done");
    }
    assert!(process.terminate().await.success());
    assert_eq!(bench.depth("redeem.requests").await, 0);
    assert_eq!(bench.depth("redeem.dead").await, 1);
    site.audit();
    node.still_leader(&site.name, &silent, false);
    site.close().await;
}

#[tokio::test]
async fn a_silent_queue_that_has_a_leader_again_gets_its_results() {
    let (node, _turn) = alone().await;
    let (site, silent) = with_a_silent_queue(node).await;
    let bench = Bench::open(&site.amqp_url).await;
    let mut results = bench.results("zeta.#").await;
    let process = site.start(Role::Serve, &[]).await;
    let jobs: Vec<Request> = (0..20).map(|_| mug("acme")).collect();
    bench.publish_all(&jobs).await;
    eventually("it is found out", async || {
        process.metric("redeemq_routes_silent", "").await == 1.0
    })
    .await;
    served(&bench, &mut results, 20).await;

    node.still_leader(&site.name, &silent, false);
    let mut tally = Tally::of(&jobs);
    let mut late = bench.read(&silent).await;
    tally.read(&mut late, 0).await;
    eventually("it is as the others", async || {
        process.metric("redeemq_routes_silent", "").await == 0.0
            && count(&process, "redeemq_results_total", "published").await == 40.0
    })
    .await;
    assert_eq!(count(&process, "redeemq_results_total", "unconfirmed").await, 0.0);
    assert_eq!(process.metric("redeemq_sessions_lost_total", "").await, 0.0);
    site.audit();
    site.close().await;
}

#[tokio::test]
async fn a_notice_for_a_queue_without_a_leader_holds_up_no_other() {
    let (node, _turn) = alone().await;
    let (site, silent) = with_a_silent_queue(node).await;
    let bench = Bench::open(&site.amqp_url).await;
    let mut results = bench.results("zeta.#").await;
    let letters: Vec<Request> = (0..20).map(|_| mug("acme")).chain([mug("zeta")]).collect();
    for letter in &letters {
        bench.publish_to("redeem.dead", &letter.clone().dead_by_broker()).await;
    }
    let begun = Instant::now();
    let process = site.start(Role::Worker, &[]).await;
    assert_eq!(results.next_of_any_kind().await.message_id, letters[20].job_id());
    assert!(begun.elapsed() < STALL * 2, "{:?}", begun.elapsed());
    eventually("all letters lie there", async || bench.depth("redeem.dead").await == 21).await;
    assert_eq!(process.metric("redeemq_sessions_lost_total", "").await, 0.0);
    node.still_leader(&site.name, &silent, false);
    site.close().await;
}

#[tokio::test]
async fn a_disk_that_stands_still_for_a_while_costs_no_result() {
    let (node, _turn) = alone().await;
    let site = node.site().await;
    let bench = Bench::open(&site.amqp_url).await;
    bench.declare().await;
    let process = site.serve().await;
    let kind = [("x-queue-type", AMQPValue::LongString("quorum".into()))];
    for client in ["acme", "zeta"] {
        bench.queue(client, Some(&format!("{client}.#")), &kind).await;
    }
    // More than are held for a silent route, and decided when the disk stands still.
    let mut hold = site.store.begin().await.expect("a transaction");
    sqlx::query("select from goods for update").execute(&mut *hold).await.expect("held");
    let jobs: Vec<Request> =
        (0..300).flat_map(|_| [mug("acme"), mug("zeta")]).chain([mug("acme")]).collect();
    bench.publish_all(&jobs).await;
    eventually("all are in the worker's hands", async || bench.depth("redeem.requests").await == 0)
        .await;

    node.still_disk(true);
    hold.rollback().await.expect("let go");
    eventually("nothing is confirmed", async || {
        process.metric("redeemq_routes_silent", "").await == 2.0
    })
    .await;
    // Both queues are on trial now, for a second each if others were heard.
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(3) {
        assert_eq!(count(&process, "redeemq_results_total", "unconfirmed").await, 0.0);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    node.still_disk(false);

    let mut tally = Tally::of(&jobs);
    tally.read(&mut bench.read("acme").await, 300).await;
    tally.read(&mut bench.read("zeta").await, 0).await;
    eventually("each is counted as published", async || {
        count(&process, "redeemq_results_total", "published").await == 601.0
    })
    .await;
    assert_eq!(process.metric("redeemq_sessions_lost_total", "").await, 0.0);
    assert_eq!(process.metric("redeemq_routes_silent", "").await, 0.0);
    site.audit();
    site.close().await;
}
