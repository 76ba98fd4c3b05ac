//! P7: the broker is away, in each of the ways in which a broker can be away. Callers are told within
//! a second, nothing piles up, and all is well again within two seconds of its return.

use crate::node::shared;
use crate::told::{PATH, Told, accepted, assert_done, mug};
use harness::{Proxy, Role, eventually};
use std::time::{Duration, Instant};

/// Longer than any pause between two tries grows, and than any wait for an answer takes.
const OUTAGE: Duration = Duration::from_secs(6);
const CROWD: usize = 200;
/// What a process may grow by over tens of thousands of requests.
const GROWTH_MAX: u64 = 16 * 1024 * 1024;

/// An outage with a crowd that keeps asking, and what there is after it.
async fn outage(begin: fn(&Proxy), end: fn(&Proxy)) {
    let (node, _turn) = shared().await;
    let site = node.site().await;
    // An idle worker notices silence by missing heartbeats alone, and shall do so within the outage.
    let line = Proxy::before(&format!("{}?heartbeat=2", site.amqp_url)).await;
    let process = site.start(Role::Serve, &[("AMQP_URL", &line.url)]).await;
    let caller = site.caller(&process, "acme").await;
    assert_eq!(caller.decide(PATH, &mug()).await.said(), (200, "0000"));
    let threads = process.threads();

    begin(&line);
    let begun = Instant::now();
    let mut told = Told::default();
    told.crowd(&caller, CROWD).await;
    eventually("it is not ready", async || caller.get("/readyz").await.status == 503).await;
    let unknown_at_first = told.unknown;
    told.crowd(&caller, CROWD).await;
    let memory = process.memory();
    while begun.elapsed() < OUTAGE {
        told.crowd(&caller, CROWD).await;
    }
    assert_eq!(told.unknown, unknown_at_first, "later jobs are known not to be queued");
    let grown = process.memory().saturating_sub(memory);
    assert!(grown < GROWTH_MAX, "{grown} bytes over {} requests", told.requests);
    assert!(process.threads() <= threads, "no thread is left behind by a try");

    end(&line);
    let returned = Instant::now();
    let job = accepted(&caller).await;
    let accepting = returned.elapsed();
    assert_done(&caller, &job).await;
    let deciding = returned.elapsed();
    told.assert_back("accepting", accepting);
    told.assert_back("deciding", deciding);
    let granted = site.number("select granted from goods where scope = 'acme'").await;
    assert!((2..=2 + told.unknown).contains(&granted), "{granted}, {} unknown", told.unknown);
    site.audit();
    site.close().await;
}

#[tokio::test]
async fn connections_refused() {
    outage(Proxy::refuse, Proxy::mend).await;
}

#[tokio::test]
async fn connections_accepted_and_dropped() {
    outage(Proxy::cut, Proxy::mend).await;
}

#[tokio::test]
async fn a_silence_after_which_all_connections_go_on() {
    outage(Proxy::freeze, Proxy::mend).await;
}

#[tokio::test]
async fn a_silence_after_which_only_new_connections_work() {
    outage(Proxy::freeze, Proxy::lose).await;
}
