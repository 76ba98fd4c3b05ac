//! P1 under arbitrary messages: each is decided or dead, exactly once, and the worker takes no harm.

use crate::amqp_case::{Case, Fate};
use crate::plan::{Plan, assert_unharmed};
use futures_util::future::try_join_all;
use harness::{Bench, MUG, Process, Role, Site, eventually, mug};
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::types::AMQPValue;
use lapin::{Channel, Connection, ConnectionProperties};
use std::collections::BTreeSet;
use std::time::Instant;
use uuid::Uuid;

/// By default. The full number is 100000 or more: `STORM_CASES=100000 cargo test --test storm`.
const CASES: u64 = 10_000;
/// Messages that are published before their confirms are awaited.
const WINDOW: u64 = 500;

/// What must have come of a storm.
#[derive(Default)]
struct Expected {
    decided: u64,
    dead: u64,
    notices: u64,
    ledger: BTreeSet<(String, Uuid)>,
}

impl Expected {
    fn add(&mut self, fate: Fate) {
        match fate {
            Fate::Decided(client, key) => {
                self.decided += 1;
                self.ledger.insert((client, key));
            }
            Fate::DeadWithNotice => {
                self.dead += 1;
                self.notices += 1;
            }
            Fate::Dead => self.dead += 1,
        }
    }
}

async fn channel(site: &Site) -> (Connection, Channel) {
    let connection = Connection::connect(&site.amqp_url, ConnectionProperties::default());
    let connection = connection.await.expect("the broker");
    let channel = connection.create_channel().await.expect("a channel");
    channel.confirm_select(ConfirmSelectOptions::default()).await.expect("confirms");
    (connection, channel)
}

/// Publishes a window of cases, and waits until the broker has all of it.
async fn publish(
    channel: &Channel,
    plan: &Plan,
    cases: std::ops::Range<u64>,
    expected: &mut Expected,
) {
    let mut confirms = Vec::new();
    let first = plan.name(cases.start);
    for number in cases {
        let case = Case::new(&mut plan.rng(number));
        if plan.is_replay() {
            let body = String::from_utf8_lossy(&case.body);
            println!("{}: {body}\n{:?}\n{:?}", case.routing_key, case.properties, case.fate());
        }
        expected.add(case.fate());
        let publishing = channel.basic_publish(
            "redeem.requests".into(),
            case.routing_key.into(),
            BasicPublishOptions::default(),
            &case.body,
            case.properties,
        );
        confirms.push(publishing.await.unwrap_or_else(|error| panic!("after {first}: {error}")));
    }
    let confirmed = try_join_all(confirms).await;
    let confirmed = confirmed.unwrap_or_else(|error| panic!("after {first}: {error}"));
    assert!(confirmed.iter().all(lapin::Confirmation::is_ack), "after {first}");
}

/// Waits until everything is settled; as long as something happens, it is in time.
async fn until_settled(worker: &Process, messages: u64) {
    let mut settled = 0.0;
    while settled < messages as f64 {
        let before = settled;
        eventually(&format!("more than {settled} of {messages} are settled"), async || {
            settled = worker.metric("redeemq_results_total", "").await;
            settled > before
        })
        .await;
    }
    assert_eq!(settled, messages as f64, "each message is settled once");
}

async fn ledger(site: &Site) -> BTreeSet<(String, Uuid)> {
    let rows = sqlx::query_as::<_, (String, Uuid)>("select client_id, job_key from ledger");
    rows.fetch_all(&site.store).await.expect("the ledger").into_iter().collect()
}

async fn site() -> Site {
    let site = Site::with_clients().await;
    site.goods("acme", MUG);
    site.goods("acme", "goods_id,name,group\ncinema,Cinema,cinema\n");
    site.coupons("acme", "cinema", "code\nC1\nC2\nC3\n");
    site.goods("@brand", "goods_id,name,quantity,per_player\nmug,Mug,1000,100\n");
    site
}

#[tokio::test]
async fn whatever_is_published_is_decided_or_dead_exactly_once_and_the_worker_takes_no_harm() {
    let plan = Plan::of(CASES);
    let site = site().await;
    let worker = site.start(Role::Worker, &[]).await;
    let bench = Bench::open(&site.amqp_url).await;
    bench.queue("results", Some("#"), &[]).await;
    bench.queue("redeem.reply.storm", None, &[("x-max-length", AMQPValue::LongLongInt(10))]).await;
    let (connection, channel) = channel(&site).await;
    let (mut expected, mut sent, mut warm_bytes) = (Expected::default(), 0, 0);

    let begun = Instant::now();
    while sent < plan.len() {
        let window = WINDOW.min(plan.len() - sent);
        let first = plan.cases.start + sent;
        publish(&channel, &plan, first..first + window, &mut expected).await;
        sent += window;
        if warm_bytes == 0 && sent * 2 >= plan.len() {
            until_settled(&worker, sent).await;
            warm_bytes = worker.memory();
        }
    }
    until_settled(&worker, sent).await;
    println!("{sent} messages in {:?}: {} decided", begun.elapsed(), expected.decided);

    assert_eq!(u64::from(bench.depth("results").await), expected.decided + expected.notices);
    assert_eq!(u64::from(bench.depth("redeem.dead").await), expected.dead);
    assert_eq!(ledger(&site).await, expected.ledger);
    assert_eq!(worker.metric("redeemq_sessions_lost_total", "").await, 0.0, "{}", worker.text());
    assert_eq!(worker.metric("redeemq_batches_split_total", "").await, 0.0);
    assert_eq!(worker.metric("redeemq_dead_total", "\"undecodable\"").await, expected.dead as f64);
    assert_unharmed(&worker, warm_bytes);

    let good = mug("acme");
    let mut results = bench.results("acme.goods").await;
    bench.publish(&good).await;
    assert_eq!(results.of(&good).await.code(), "0000");
    site.audit();
    connection.close(200, "bye".into()).await.expect("closed");
    site.close().await;
}
