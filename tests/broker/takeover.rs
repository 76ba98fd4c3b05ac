//! Two workers, one of which is lost with jobs in its hands: the other has them within a second of the
//! broker's noticing. That is at once for a process that died, and after two missed heartbeats, which
//! are 15 s apart unless AMQP_URL says otherwise, for one that stands still or whose line went dead.

use crate::node::shared;
use harness::{Bench, Process, Proxy, Request, Role, Tally, eventually, mug};
use std::time::{Duration, Instant};

const JOBS: usize = 10;
const TAKEN_OVER: Duration = Duration::from_secs(1);

/// One worker is lost by this, and what is left of it comes back by that.
async fn lost(lose: fn(&mut Option<Process>, &Proxy), come_back: fn(&Option<Process>, &Proxy)) {
    let (node, _turn) = shared().await;
    let site = node.site().await;
    let bench = Bench::open(&site.amqp_url).await;
    bench.declare().await;
    let mut results = bench.results("#").await;
    let line = Proxy::before(&format!("{}?heartbeat=2", site.amqp_url)).await;
    let database = Proxy::before(&site.database_url).await;
    let environment = [("AMQP_URL", line.url.as_str()), ("DATABASE_URL", &database.url)];
    let mut dying = Some(site.start(Role::Worker, &environment).await);

    // Without its database it holds what it has taken.
    database.cut();
    let jobs: Vec<Request> = (0..JOBS).map(|_| mug("acme")).collect();
    bench.publish_all(&jobs).await;
    eventually("it has them all", async || bench.depth("redeem.requests").await == 0).await;
    let _heir = site.start(Role::Worker, &[]).await;
    eventually("both are there", async || bench.consumers("redeem.requests").await == 2).await;

    lose(&mut dying, &line);
    eventually("the broker notices", async || bench.consumers("redeem.requests").await == 1).await;
    let noticed = Instant::now();
    let mut tally = Tally::of(&jobs);
    tally.read(&mut results, 0).await;
    let taken_over = noticed.elapsed();
    // What came before goes alone, so this is what as many batches take on this machine.
    let begun = Instant::now();
    for _ in 0..JOBS {
        let job = mug("zeta");
        bench.publish(&job).await;
        results.of(&job).await;
    }
    let noise = begun.elapsed();
    assert!(taken_over < TAKEN_OVER + noise, "{taken_over:?}, usually {noise:?}");

    database.mend();
    come_back(&dying, &line);
    if dying.is_some() {
        eventually("both are there again", async || bench.consumers("redeem.requests").await == 2)
            .await;
    }
    tally.read_rest(&bench, &mut results).await;
    assert!(tally.answers().iter().all(|answer| answer["error_code"] == "0000"));
    let granted = site.number("select granted from goods where scope = 'acme'").await;
    assert_eq!(granted, JOBS as i64);
    assert_eq!(bench.depth("redeem.dead").await, 0);
    site.audit();
    site.close().await;
}

#[tokio::test]
async fn a_worker_that_is_killed() {
    lost(|worker, _| worker.take().expect("it runs").kill(), |_, _| {}).await;
}

#[tokio::test]
async fn a_worker_that_stands_still_and_wakes_up_again() {
    lost(
        |worker, _| worker.as_ref().expect("it runs").freeze(),
        |worker, _| worker.as_ref().expect("it stands still").thaw(),
    )
    .await;
}

#[tokio::test]
async fn a_worker_whose_connection_is_half_open() {
    lost(|_, line| line.freeze(), |_, line| line.lose()).await;
}
