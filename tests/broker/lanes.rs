//! Lanes: requests spread over many queues by what they contend for, and each taken by one worker.

use crate::node::shared;
use harness::{Bench, Process, Proxy, Request, Role, Site, Tally, eventually, mug};
use serde_json::json;
use std::sync::atomic::{AtomicBool, Ordering};

const SOME_GOODS: usize = 40;

/// One of many goods, none of which is a mug.
fn cup(number: usize) -> Request {
    let goods_id = format!("cup-{}", number % SOME_GOODS);
    let params = json!({"goods_id": goods_id, "player_id": "p1", "amount": 1});
    Request::new("acme", "goods", &params)
}

fn add_cups(site: &Site) {
    let rows: String = (0..SOME_GOODS).map(|number| format!("cup-{number},Cup\n")).collect();
    site.goods("acme", &format!("goods_id,name\n{rows}"));
}

async fn with_lanes(site: &Site, lanes: &str) -> Process {
    site.start(Role::Worker, &[("REDEEMQ_LANES", lanes)]).await
}

async fn depths(bench: &Bench, lanes: usize) -> Vec<u32> {
    let mut depths = Vec::new();
    for lane in 1..=lanes {
        depths.push(bench.depth(&format!("redeem.requests.{lane}")).await);
    }
    depths
}

#[tokio::test]
async fn jobs_that_contend_meet_in_one_lane_while_others_spread_over_all() {
    let (node, _turn) = shared().await;
    let site = node.site().await;
    add_cups(&site);
    let bench = Bench::open(&site.amqp_url).await;
    assert!(with_lanes(&site, "4").await.terminate().await.success());
    let mut results = bench.results("#").await;

    let mugs: Vec<Request> = (0..40).map(|_| mug("acme")).collect();
    bench.publish_all(&mugs).await;
    let mut there = depths(&bench, 4).await;
    there.sort_unstable();
    assert_eq!(there, [0, 0, 0, 40]);
    let cups: Vec<Request> = (0..200).map(cup).collect();
    bench.publish_all(&cups).await;
    let there = depths(&bench, 4).await;
    assert!(there.iter().all(|jobs| *jobs > 0), "{there:?}");
    assert_eq!(there.iter().sum::<u32>(), 240, "each of them once");
    assert_eq!(bench.depth("redeem.requests").await, 0);

    // Whoever starts finds them, told or not.
    let worker = site.start(Role::Worker, &[]).await;
    let mut tally = Tally::of(&[mugs, cups].concat());
    tally.read(&mut results, 0).await;
    assert!(tally.answers().iter().all(|answer| answer["error_code"] == "0000"));
    tally.read_rest(&bench, &mut results).await;
    assert_eq!(tally.count(), 240);
    // Their jobs may all be answered before the common one, which has none, is begun.
    eventually("it takes from four and the common one", async || {
        worker.metric("redeemq_lanes_consuming", "").await == 5.0
    })
    .await;
    site.audit();
    site.close().await;
}

#[tokio::test]
async fn their_number_changes_under_load_and_each_job_is_decided_once() {
    let (node, _turn) = shared().await;
    let site = node.site().await;
    add_cups(&site);
    let bench = Bench::open(&site.amqp_url).await;
    let mut worker = site.start(Role::Worker, &[]).await;
    let mut results = bench.results("#").await;
    let changed = AtomicBool::new(false);
    let flood = async {
        let mut jobs: Vec<Request> = Vec::new();
        while !changed.load(Ordering::Relaxed) {
            let window: Vec<Request> = (jobs.len()..jobs.len() + 50).map(cup).collect();
            bench.publish_all(&window).await;
            jobs.extend(window);
        }
        jobs
    };
    let changes = async {
        for lanes in ["2", "5", "3", "1", "4"] {
            let next = with_lanes(&site, lanes).await;
            assert!(std::mem::replace(&mut worker, next).terminate().await.success());
        }
        changed.store(true, Ordering::Relaxed);
    };
    let (jobs, ()) = tokio::join!(flood, changes);

    let mut tally = Tally::of(&jobs);
    tally.read(&mut results, 0).await;
    assert!(tally.answers().iter().all(|answer| answer["error_code"] == "0000"));
    tally.read_rest(&bench, &mut results).await;
    let granted = site.number("select sum(granted)::bigint from goods where scope = 'acme'").await;
    assert_eq!(granted, jobs.len() as i64);
    // None is in two queues at a time, so only what a stopping worker gave back can come again.
    assert!(tally.replayed() <= 5 * 1_500, "{} of {}", tally.replayed(), jobs.len());
    eventually("all lanes are empty", async || depths(&bench, 5).await.iter().sum::<u32>() == 0)
        .await;
    assert_eq!(bench.depth("redeem.dead").await, 0);
    site.audit();
    site.close().await;
}

#[tokio::test]
async fn a_lane_is_one_workers_until_that_is_lost_and_then_the_others() {
    let (node, _turn) = shared().await;
    let site = node.site().await;
    let bench = Bench::open(&site.amqp_url).await;
    let database = Proxy::before(&site.database_url).await;
    let lanes = ("REDEEMQ_LANES", "2");
    let environment = [lanes, ("DATABASE_URL", database.url.as_str())];
    let first = site.start(Role::Worker, &environment).await;
    // The broker counts only consumers that it sends to.
    let takes_all =
        async |worker: &Process| worker.metric("redeemq_lanes_consuming", "").await == 3.0;
    eventually("the first is there", async || takes_all(&first).await).await;
    let other = site.start(Role::Worker, &[lanes]).await;
    eventually("the other as well", async || takes_all(&other).await).await;
    let mut results = bench.results("#").await;

    database.cut();
    let jobs: Vec<Request> = (0..20).map(|_| mug("acme")).collect();
    bench.publish_all(&jobs).await;
    eventually("the first has them", async || depths(&bench, 2).await == [0, 0]).await;
    first.kill();
    let mut tally = Tally::of(&jobs);
    tally.read(&mut results, 0).await;
    let inherited = other.metric("redeemq_redelivered_total", "").await;
    assert_eq!(inherited, 20.0, "none had come to the other before");
    site.audit();
    site.close().await;
}

#[tokio::test]
async fn jobs_that_no_lane_wants_are_taken_all_the_same() {
    let (node, _turn) = shared().await;
    let site = node.site().await;
    let bench = Bench::open(&site.amqp_url).await;
    let _worker = with_lanes(&site, "2").await;
    let mut results = bench.results("#").await;
    for lane in ["redeem.requests.1", "redeem.requests.2"] {
        bench.unbind(lane, "redeem.requests.lanes", "1").await;
    }
    let job = mug("acme");
    bench.publish(&job).await;
    assert_eq!(results.of(&job).await.code(), "0000");
    site.close().await;
}

#[tokio::test]
async fn a_doctor_tells_of_a_queue_that_is_filled_beside_the_lanes() {
    let (node, _turn) = shared().await;
    let site = node.site().await;
    let bench = Bench::open(&site.amqp_url).await;
    assert!(with_lanes(&site, "2").await.terminate().await.success());
    let said = || {
        let output = site.run(&["doctor", "--for", "worker"]);
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    assert!(said().contains("queues are bound as expected"), "{}", said());
    bench.bind("redeem.requests", "redeem.requests", "#").await;
    assert!(said().contains("each job is delivered twice"), "{}", said());
    assert!(with_lanes(&site, "1").await.terminate().await.success());
    assert!(said().contains("redeem.requests.2 is a lane that is no longer used"), "{}", said());
    site.close().await;
}

#[tokio::test]
async fn a_broker_without_the_plugin_is_told_as_such() {
    let (node, _turn) = crate::node::alone().await;
    let site = node.site().await;
    let _without = node.without_consistent_hash();
    let worker = site.launch_doomed(Role::Worker, &[("REDEEMQ_LANES", "2")]);
    let (status, log) = worker.ended().await;
    assert!(!status.success());
    let advice = "rabbitmq-plugins enable rabbitmq_consistent_hash_exchange";
    assert!(log.contains(advice), "{log}");
    site.close().await;
}
