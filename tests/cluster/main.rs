//! Lanes on a cluster of three RabbitMQ nodes, which this target brings: spread over all of them, and
//! none lost with a node.

#![expect(unreachable_pub, reason = "a test binary has no outside")]

mod nodes;

use harness::{Bench, Process, Request, Role, Site, Tally, eventually};
use lapin::types::AMQPValue;
use nodes::{Cluster, NODES};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// The broker balances all queues: three others are led by the node where they were declared.
const LANES: usize = 9;
const SOME_GOODS: usize = 60;

fn cup(number: usize) -> Request {
    let goods_id = format!("cup-{}", number % SOME_GOODS);
    let params = json!({"goods_id": goods_id, "player_id": "p1", "amount": 1});
    Request::new("acme", "goods", &params)
}

async fn worker(site: &Site, cluster: &Cluster, node: usize) -> Process {
    let url = cluster.url(node, &site.amqp_url);
    let lanes = LANES.to_string();
    site.start(Role::Worker, &[("AMQP_URL", &url), ("REDEEMQ_LANES", &lanes)]).await
}

async fn takes_all(worker: &Process) -> bool {
    worker.metric("redeemq_lanes_consuming", "").await == LANES as f64 + 1.0
}

/// The node that leads each lane.
async fn leaders(site: &Site) -> BTreeMap<String, String> {
    let queues = site.queues().await;
    let lanes = (1..=LANES).map(|lane| format!("redeem.requests.{lane}"));
    let leader = |name: &str| {
        let queue = queues.iter().find(|queue| queue["name"] == name).expect("the lane");
        queue["leader"].as_str().unwrap_or_default().to_owned()
    };
    lanes.map(|name| (name.clone(), leader(&name))).collect()
}

/// Jobs that wait in the lanes of each node.
async fn waiting_by_node(site: &Site, bench: &Bench) -> BTreeMap<String, u32> {
    let mut waiting: BTreeMap<String, u32> = BTreeMap::new();
    for (lane, leader) in leaders(site).await {
        *waiting.entry(leader).or_default() += bench.depth(&lane).await;
    }
    waiting
}

#[tokio::test]
async fn lanes_are_spread_over_the_nodes_and_none_is_lost_with_one() {
    let cluster = Cluster::start();
    let site = Site::with_clients_on(cluster.broker()).await;
    let rows: String = (0..SOME_GOODS).map(|number| format!("cup-{number},Cup\n")).collect();
    site.goods("acme", &format!("goods_id,name\n{rows}"));
    assert!(worker(&site, &cluster, 0).await.terminate().await.success());

    // The node that we publish to and read from is not the one that will be lost.
    let bench = Bench::open(&cluster.url(2, &site.amqp_url)).await;
    let quorum = [("x-queue-type", AMQPValue::LongString("quorum".into()))];
    bench.queue("results", Some("#"), &quorum).await;
    let mut results = bench.read("results").await;
    let first: Vec<Request> = (0..600).map(cup).collect();
    bench.publish_all(&first).await;
    let waiting = waiting_by_node(&site, &bench).await;
    assert_eq!(waiting.len(), NODES, "{waiting:?}");
    assert!(waiting.values().all(|jobs| *jobs > 0), "{waiting:?}");
    assert_eq!(waiting.values().sum::<u32>(), 600);

    let staying = worker(&site, &cluster, 2).await;
    let bereft = worker(&site, &cluster, 1).await;
    let (sent, enough) = (AtomicUsize::new(0), AtomicBool::new(false));
    let flood = async {
        let mut jobs = Vec::new();
        while !enough.load(Ordering::Relaxed) {
            let window: Vec<Request> = (jobs.len()..jobs.len() + 50).map(cup).collect();
            bench.publish_all(&window).await;
            jobs.extend(window);
            sent.store(jobs.len(), Ordering::Relaxed);
        }
        jobs
    };
    let loss = async {
        let many_more = async || {
            let before = sent.load(Ordering::Relaxed);
            eventually("the flood goes on", async || sent.load(Ordering::Relaxed) > before + 500)
                .await;
        };
        many_more().await;
        cluster.kill(1).await;
        many_more().await;
        eventually("one worker takes all", async || takes_all(&staying).await).await;
        enough.store(true, Ordering::Relaxed);
    };
    let (flooded, ()) = tokio::join!(flood, loss);
    let lost = cluster.name(1);
    eventually("other nodes lead", async || leaders(&site).await.values().all(|led| *led != lost))
        .await;

    let jobs = [first, flooded].concat();
    let mut tally = Tally::of(&jobs);
    tally.read(&mut results, 0).await;
    assert!(tally.answers().iter().all(|answer| answer["error_code"] == "0000"));
    let granted = site.number("select sum(granted)::bigint from goods where scope = 'acme'").await;
    assert_eq!(granted, jobs.len() as i64);
    assert_eq!(bench.depth("redeem.dead").await, 0);
    site.audit();

    cluster.revive(1).await;
    eventually("the other is back", async || takes_all(&bereft).await).await;
    site.close().await;
}
