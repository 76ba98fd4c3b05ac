//! P7: degrades honestly, for as long as it takes: a minute without the database under load.

use harness::{Bench, Caller, MUG, Process, Proxy, Reader, Role, Site, Tally, instant};
use serde_json::{Value, json};
use std::collections::HashSet;
use std::time::Duration;
use time::OffsetDateTime;
use tokio::time::{Instant, interval};

/// From the database's return to the first decision.
const SOON: Duration = Duration::from_secs(2);

/// A process under test, whose log tells of each pause.
async fn serve(site: &Site, database_url: &str) -> (Process, Bench, Reader) {
    site.goods("acme", MUG);
    let bench = Bench::open(&site.amqp_url).await;
    bench.declare().await;
    let results = bench.results("#").await;
    let environment = [("DATABASE_URL", database_url), ("RUST_LOG", "info,redeemq=debug")];
    (site.start(Role::Serve, &environment).await, bench, results)
}

/// Posts twenty jobs a second; each must be accepted. Returns their ids.
async fn post_for(caller: &Caller, time: Duration) -> Vec<String> {
    let mug = json!({"goods_id": "mug", "player_id": "p1", "amount": 1});
    let (end, mut tick) = (Instant::now() + time, interval(Duration::from_millis(50)));
    let mut ids = Vec::new();
    while Instant::now() < end {
        tick.tick().await;
        let answer = caller.post("/Redeem/goods", &mug).await;
        assert_eq!(answer.said(), (202, "0000"), "{}", answer.text);
        ids.push(answer.job_id());
    }
    ids
}

/// Each was decided, and answered, once; the first of them soon after the return.
async fn assert_all_decided(
    (site, process): (Site, Process),
    (bench, mut results): (Bench, Reader),
    jobs: Vec<String>,
    back: OffsetDateTime,
) {
    let count = jobs.len();
    let mut tally = Tally::of_ids(jobs);
    tally.read_all(&bench, &mut results).await;
    tally.read_rest(&bench, &mut results).await;
    assert_eq!((tally.answers().len(), tally.count()), (count, count));
    let decided = tally.answers().into_iter().map(|answer| instant(&answer["decided_at"]));
    let took = decided.filter(|at| *at > back).min().expect("a decision") - back;
    assert!(took < SOON, "{took}");
    assert_eq!(site.number("select granted from goods").await, count as i64);
    assert_eq!(process.metric("redeemq_dead_total", "").await, 0.0);
    assert_eq!(bench.depth("redeem.dead").await, 0);
    let lost = process.metric("redeemq_sessions_lost_total", "").await;
    assert_eq!(lost, 0.0, "no delivery was charged with an attempt");
    site.audit();
    site.close().await;
}

#[tokio::test]
async fn a_minute_without_the_database_under_load_loses_and_charges_nothing() {
    let site = Site::with_clients().await;
    let line = Proxy::before(&site.database_url).await;
    let (process, bench, results) = serve(&site, &line.url).await;
    let caller = site.caller(&process, "acme").await;

    let mut jobs = post_for(&caller, Duration::from_secs(1)).await;
    line.cut();
    jobs.extend(post_for(&caller, Duration::from_secs(60)).await);
    line.mend();
    let back = OffsetDateTime::now_utc();
    jobs.extend(post_for(&caller, Duration::from_secs(1)).await);

    let pauses = process.all_logged("batch failed; retrying", "pause_ms");
    let pauses: Vec<u64> = pauses.iter().filter_map(Value::as_u64).collect();
    assert!(pauses.len() > 60, "{pauses:?}");
    assert!(pauses[0] <= 100 && pauses[10..].iter().all(|pause| *pause >= 300), "{pauses:?}");
    assert!(pauses.iter().all(|pause| *pause <= 1_000), "{pauses:?}");
    let different: HashSet<&u64> = pauses[10..].iter().collect();
    assert!(different.len() > 20, "no jitter: {pauses:?}");
    assert_all_decided((site, process), (bench, results), jobs, back).await;
}

#[tokio::test]
async fn sessions_that_are_ended_again_and_again_under_load_lose_and_charge_nothing() {
    let site = Site::with_clients().await;
    let (process, bench, results) = serve(&site, &site.database_url).await;
    let caller = site.caller(&process, "acme").await;
    let mut ended = 0;
    let ending = async {
        let mut tick = interval(Duration::from_millis(20));
        loop {
            tick.tick().await;
            ended += site
                .number(
                    "select count(pg_terminate_backend(pid)) from pg_stat_activity
                     where datname = current_database()
                       and application_name in ('redeemq worker', 'redeemq ingress')",
                )
                .await;
        }
    };
    let mut jobs = tokio::select! {
        jobs = post_for(&caller, Duration::from_secs(15)) => jobs,
        () = ending => unreachable!("it never ends"),
    };
    let errors = process.metric("redeemq_batch_errors_total", "transient").await;
    assert!(ended >= 10 && errors >= 3.0, "{ended} sessions ended, {errors} errors");
    let back = OffsetDateTime::now_utc();
    jobs.extend(post_for(&caller, Duration::from_secs(1)).await);
    assert_all_decided((site, process), (bench, results), jobs, back).await;
}
