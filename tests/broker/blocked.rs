//! P7: a broker that blocks publishers, for a memory alarm.

use crate::node::alone;
use crate::told::{self, PATH, Told, accepted, assert_done};
use harness::{Bench, Proxy, Request, Role, Tally, eventually, mug};
use lapin::types::AMQPValue;
use std::time::{Duration, Instant};

/// Several heartbeats, of those that the worker of this test is told to send.
const ALARM: Duration = Duration::from_secs(9);

#[tokio::test]
async fn a_blocked_broker_costs_time_and_nothing_else() {
    let (node, _turn) = alone().await;
    let site = node.site().await;
    let url = format!("{}?heartbeat=3", site.amqp_url);
    let ingress = site.start(Role::Ingress, &[("AMQP_URL", &url)]).await;
    let database = Proxy::before(&site.database_url).await;
    let small_batches =
        [("AMQP_URL", url.as_str()), ("DATABASE_URL", &database.url), ("REDEEMQ_BATCH_MAX", "4")];
    let worker = site.start(Role::Worker, &small_batches).await;
    let caller = site.caller(&ingress, "acme").await;
    // Who has published is not listened to during the alarm; so one publishes, and another looks.
    let (bench, looker) = (Bench::open(&site.amqp_url).await, Bench::open(&site.amqp_url).await);
    let mut results = looker.results("#").await;
    let room_for_one = [
        ("x-max-length", AMQPValue::LongInt(1)),
        ("x-overflow", AMQPValue::LongString("reject-publish".into())),
    ];
    bench.queue("full", Some("zeta.#"), &room_for_one).await;
    assert_eq!(caller.decide(PATH, &told::mug()).await.said(), (200, "0000"));

    // When the alarm comes, a worker tries one batch again and again, and others wait for their turn.
    // That batch's result goes to a reader who has no room for it yet.
    let (first, refused) = (mug("zeta"), mug("zeta"));
    bench.publish(&first).await;
    results.of(&first).await;
    database.cut();
    bench.publish(&refused).await;
    eventually("it is in the worker's hands", async || {
        worker.metric("redeemq_batch_errors_total", "transient").await >= 1.0
    })
    .await;
    let later: Vec<Request> = (0..200).map(|_| mug("acme")).collect();
    bench.publish_all(&later).await;
    let ledger = "select count(*) from ledger";
    let before = site.number(ledger).await;

    let alarm = node.alarm();
    let begun = Instant::now();
    let mut told = Told::default();
    told.crowd(&caller, 200).await;
    eventually("it is not ready", async || caller.get("/readyz").await.status == 503).await;
    let (unknown, memory) = (told.unknown, ingress.memory());
    database.mend();
    // It is told of the alarm when it publishes, which may be a batch or two later.
    eventually("the worker knows", async || worker.metric("redeemq_lane_blocked", "").await == 1.0)
        .await;
    let decided = site.number(ledger).await;
    assert!((before + 1..before + 100).contains(&decided), "{decided}, {before} before the alarm");
    while begun.elapsed() < ALARM {
        told.crowd(&caller, 200).await;
    }
    assert_eq!(told.unknown, unknown, "later jobs are known not to be queued");
    let grown = ingress.memory().saturating_sub(memory);
    assert!(grown < 16 * 1024 * 1024, "{grown} bytes over {} requests", told.requests);
    assert_eq!(site.number(ledger).await, decided, "no new batch is begun");

    drop(alarm);
    let ended = Instant::now();
    let accepting = async { (accepted(&caller).await, ended.elapsed()) };
    let deciding = async {
        eventually("it decides", async || site.number(ledger).await > decided).await;
        ended.elapsed()
    };
    let ((job, accepting), deciding) = tokio::join!(accepting, deciding);
    told.assert_back("accepting", accepting);
    told.assert_back("deciding", deciding);
    assert_done(&caller, &job).await;

    for (process, part) in [(&ingress, "ingress"), (&worker, "worker")] {
        eventually("the time of the alarm is told", async || {
            let labels = format!("part=\"{part}\"");
            let told = process.metric("redeemq_broker_blocked_seconds_sum", &labels).await;
            told > ALARM.as_secs_f64() / 2.0
        })
        .await;
    }

    // No session was lost over it, so each is told once.
    let mut tally = Tally::of(&later);
    tally.read(&mut results, 0).await;
    assert_eq!(tally.replayed(), 0);
    assert_eq!(worker.metric("redeemq_sessions_lost_total", "").await, 0.0);
    assert_eq!(worker.metric("redeemq_acks_lost_total", "").await, 0.0);

    // That reader has refused the result by now, but the time of the alarm does not count.
    let popped = looker.pop("full").await.expect("the first result");
    assert_eq!(popped.message_id, first.job_id());
    assert_eq!(looker.read("full").await.next().await.message_id, refused.job_id());
    assert_eq!(worker.metric("redeemq_results_total", "refused").await, 0.0);
    site.audit();
    site.close().await;
}
