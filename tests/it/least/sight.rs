//! What an ingress with no more rights than it must have sees of the queues, and what that costs the broker.
//! Up to RabbitMQ 4.2 everybody may ask whether a queue exists; later only those with some right on its name.

use super::{broker_of, ready, remove, site_with_users, worker};
use harness::{Caller, Process, Proxy, Role, Site, eventually};
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::time::sleep;

/// As many looks in twelve seconds as there are in a minute by default.
const OFTEN: (&str, &str) = ("REDEEMQ_LOOK_EVERY_SECONDS", "1");
const WHILE: Duration = Duration::from_secs(12);
/// What comes seldom shall be seen as well, such as the second try for a queue that is missing.
const MINUTE: Duration = Duration::from_secs(60);

async fn ingress(site: &Site, amqp_url: &str) -> Process {
    site.launch(Role::Ingress, &[("AMQP_URL", amqp_url), OFTEN]).await
}

/// The series about queues.
fn series(page: &str) -> BTreeSet<&str> {
    let of_queues = page.lines().filter(|line| line.starts_with("redeemq_queue_"));
    of_queues.filter_map(|line| line.rsplit_once(' ')).map(|(name, _)| name).collect()
}

async fn consumers(ingress: &Process, queue: &str) -> f64 {
    ingress.metric("redeemq_queue_consumers", &format!("queue=\"{queue}\"")).await
}

#[tokio::test]
async fn an_ingress_troubles_the_broker_little_before_the_first_worker_and_then_not_at_all() {
    let (site, _bench) = site_with_users().await;
    let line = Proxy::before(&broker_of(&site, "ingress")).await;
    let refused_within = async |time| {
        let before = line.channel_exceptions();
        sleep(time).await;
        line.channel_exceptions() - before
    };
    let ingress = ingress(&site, &line.url).await;
    ingress.logged_containing("redeem.requests does not exist").await;
    sleep(WHILE / 2).await;
    let refused = refused_within(WHILE).await;
    assert!((1..=30).contains(&refused), "{refused} calls were refused in {WHILE:?}");

    let _worker = worker(&site).await;
    let caller = Caller::stranger(&ingress);
    eventually("the ingress is ready", async || ready(&caller).await).await;
    eventually("it sees that there is a worker", async || {
        consumers(&ingress, "redeem.requests").await == 1.0
    })
    .await;
    sleep(WHILE / 2).await;
    assert_eq!(refused_within(MINUTE).await, 0, "once it is up, no call is refused");
    let page = ingress.page().await;
    // Of all four queues, where the broker tells everybody.
    let expected = if site.broker.version().await >= (4, 3) { 2..=6 } else { 8..=8 };
    assert!(expected.contains(&series(&page).len()), "{:?}", series(&page));
    remove(site).await;
}

#[tokio::test]
async fn an_ingress_sees_how_many_lanes_there_are_and_never_one_that_is_not() {
    let (site, bench) = site_with_users().await;
    let broker = broker_of(&site, "worker");
    let lanes = [("AMQP_URL", broker.as_str()), ("REDEEMQ_LANES", "3")];
    let _worker = site.start(Role::Worker, &lanes).await;
    let ingress = ingress(&site, &broker_of(&site, "ingress")).await;
    eventually("it sees all three", async || {
        for lane in 1..=3 {
            if consumers(&ingress, &format!("redeem.requests.{lane}")).await != 1.0 {
                return false;
            }
        }
        true
    })
    .await;
    let page = ingress.page().await;
    assert!(!page.contains("queue=\"redeem.requests.4\""), "{:?}", series(&page));
    assert!(series(&page).len() <= 2 * (4 + 3), "{:?}", series(&page));
    drop(bench);
    remove(site).await;
}
