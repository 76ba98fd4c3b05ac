//! A broker takes back what a worker holds for too long (`consumer_timeout`, half an hour by default).
//! A database may be away for longer than that; and an outage is no attempt.

use crate::node::alone;
use harness::{Bench, Proxy, Request, Role, Tally, eventually, mug};

#[tokio::test]
async fn an_outage_of_the_database_longer_than_the_brokers_patience_costs_one_attempt_at_most_and_no_job()
 {
    let (node, _turn) = alone().await;
    let _often = node.with("channel_tick_interval", 200, 60_000);
    let _impatient = node.with("consumer_timeout", 1_000, 1_800_000);
    let site = node.site().await;
    let bench = Bench::open(&site.amqp_url).await;
    bench.declare().await;
    let mut results = bench.results("#").await;
    let database = Proxy::before(&site.database_url).await;
    let worker = site.start(Role::Worker, &[("DATABASE_URL", &database.url)]).await;
    database.cut();
    let jobs: Vec<Request> = (0..20).map(|_| mug("acme")).collect();
    bench.publish_all(&jobs).await;
    let depth = async || bench.depth("redeem.requests").await;
    eventually("the worker has them", async || depth().await == 0).await;
    eventually("the broker has them back", async || depth().await == 20).await;

    // A try comes at least once a second: the broker would have lost its patience several times more.
    let tries = async || worker.metric("redeemq_batch_errors_total", "transient").await;
    let before = tries().await;
    eventually("the outage goes on", async || tries().await >= before + 6.0).await;
    assert_eq!(depth().await, 20, "the worker takes nothing while it has no database");
    let counted = if site.broker.counts_returns().await { "1" } else { "" };
    assert_eq!(bench.attempts("redeem.requests").await, counted);

    database.mend();
    let mut tally = Tally::of(&jobs);
    tally.read_all(&bench, &mut results).await;
    assert_eq!(site.number("select granted from goods where scope = 'acme'").await, 20);
    assert_eq!(bench.depth("redeem.dead").await, 0);
    site.close().await;
}
