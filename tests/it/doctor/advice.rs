//! Whatever a doctor advises, no job and no dead letter is lost by doing so.

use super::{Said, ask};
use harness::rights::{self, PASSWORD, as_user};
use harness::{Bench, Process, Request, Role, Site, Tally, eventually, mug, site::management};
use lapin::types::AMQPValue;
use reqwest::Method;
use serde_json::Value;

const JOBS: usize = 20;
const LETTERS: usize = 5;

/// What a worker has declared, and jobs that wait there.
async fn with_jobs(lanes: &str) -> (Site, Bench, Vec<Request>) {
    let site = harness::with_mugs().await;
    rights::make_broker_users(&site, &[]);
    let url = user(&site, "worker");
    let worker = site.start(Role::Worker, &[("AMQP_URL", &url), ("REDEEMQ_LANES", lanes)]).await;
    assert!(worker.terminate().await.success());
    let bench = Bench::open(&site.amqp_url).await;
    let jobs: Vec<Request> = (0..JOBS).map(|_| mug("acme")).collect();
    bench.publish_all(&jobs).await;
    (site, bench, jobs)
}

fn user(site: &Site, user: &str) -> String {
    as_user(&site.amqp_url, &format!("{}_{user}", site.name), PASSWORD)
}

/// What it says to the user of each process, with the management API and without.
fn asked(site: &Site) -> Vec<Said> {
    let api = site.broker.management_url.as_str();
    let mut said = Vec::new();
    for role in ["ingress", "worker"] {
        let url = user(site, role);
        for api in [api, ""] {
            let environment = [("AMQP_URL", url.as_str()), ("RABBITMQ_MANAGEMENT_URL", api)];
            said.push(ask(site, &environment, &["--for", role]));
        }
    }
    said
}

/// Does what a finding asks for, as far as nobody has done it yet; starting a worker comes last.
async fn follow(site: &Site, bench: &Bench, finding: &str) {
    let names = finding.split([' ', ':', ',']).find(|word| word.starts_with("redeem."));
    let queue = names.expect("a queue");
    // Another finding may have been about the same queue.
    let is_there = bench.exists(queue).await;
    if is_there && finding.contains("elete its binding") {
        delete_bindings(site, queue).await;
    }
    if is_there && finding.contains("with a shovel") {
        let words = finding.split("move its messages to ").nth(1).expect("where to");
        let to = match words.split(' ').next() {
            Some(named) if named.starts_with("redeem.") => named,
            _ => another_than(queue),
        };
        bench.shovel(queue, to).await;
        bench.delete(queue).await;
    }
    if is_there && finding.contains("replay or drop its dead letters") {
        site.json(&["dead", "replay", "--all"]);
        bench.delete(queue).await;
    }
    let known = ["elete its binding", "tart a worker", "REDEEMQ_LANES set"];
    assert!(known.iter().any(|known| finding.contains(known)), "no test follows: {finding}");
}

fn another_than(queue: &str) -> &'static str {
    if queue == "redeem.requests.spare" { "redeem.requests" } else { "redeem.requests.spare" }
}

async fn delete_bindings(site: &Site, queue: &str) {
    let path = format!("queues/{}/{queue}/bindings", site.name);
    let bindings = management(Method::GET, &path, None).await.expect("an answer");
    let bindings: Vec<Value> = bindings.json().await.expect("bindings");
    for binding in bindings.iter().filter(|binding| binding["source"] != "") {
        let [source, key] =
            ["source", "properties_key"].map(|name| binding[name].as_str().expect("a text"));
        let key = key.replace('#', "%23");
        let path = format!("bindings/{}/e/{source}/q/{queue}/{key}", site.name);
        management(Method::DELETE, &path, None).await.expect("unbound");
    }
}

/// Follows all advice, publishes more jobs, and starts a worker: each job is decided. Returns that worker.
async fn followed(site: &Site, bench: &Bench, mut jobs: Vec<Request>) -> Process {
    let mut lanes = Vec::new();
    for said in asked(site) {
        for finding in [said.of("fatal"), said.of("warning")].concat() {
            // That of the database is about the users of the tests.
            if finding.contains("redeem.") {
                follow(site, bench, &finding).await;
                if finding.contains("REDEEMQ_LANES set") {
                    lanes = vec![("REDEEMQ_LANES", "3")];
                }
            }
        }
    }
    let mut results = bench.results("acme.#").await;
    let url = user(site, "worker");
    let worker = site.start(Role::Worker, &[&lanes[..], &[("AMQP_URL", &url)]].concat()).await;
    let more: Vec<Request> = (0..JOBS).map(|_| mug("acme")).collect();
    bench.publish_all(&more).await;
    jobs.extend(more);
    let mut tally = Tally::of(&jobs);
    tally.read(&mut results, 0).await;
    assert!(tally.answers().iter().all(|answer| answer["error_code"] == "0000"));
    site.audit();
    worker
}

async fn nothing_is_lost(site: Site, bench: &Bench, jobs: Vec<Request>) {
    drop(followed(&site, bench, jobs).await);
    remove(site).await;
}

async fn remove(site: Site) {
    for user in ["ingress", "worker", "operator"] {
        rights::remove_broker_user(&site.name, user).await;
    }
    site.close().await;
}

#[tokio::test]
async fn where_all_is_well_nothing_is_advised_that_loses_a_job() {
    let (site, bench, jobs) = with_jobs("1").await;
    nothing_is_lost(site, &bench, jobs).await;
}

#[tokio::test]
async fn nor_where_there_are_lanes() {
    let (site, bench, jobs) = with_jobs("3").await;
    nothing_is_lost(site, &bench, jobs).await;
}

#[tokio::test]
async fn nor_where_a_queue_is_filled_beside_the_lanes() {
    let (site, bench, jobs) = with_jobs("3").await;
    bench.bind("redeem.requests", "redeem.requests", "#").await;
    nothing_is_lost(site, &bench, jobs).await;
}

/// Each queue, with its exchange, and how many lanes there are. What becomes of a letter of the broker while
/// `redeem.dead.notices` is not bound is in tests/broker/dead.rs.
const QUEUES: [(&str, &str, &str); 5] = [
    ("redeem.requests", "redeem.requests", "1"),
    ("redeem.requests.spare", "redeem.requests.spare", "1"),
    ("redeem.requests.2", "redeem.requests.lanes", "3"),
    ("redeem.dead", "redeem.dead", "1"),
    (NOTICES, "redeem.dead", "1"),
];
const NOTICES: &str = "redeem.dead.notices";

/// A queue at fault, and more jobs and dead letters than before. No job and no letter is lost by following.
async fn advice_is_followed(fault: impl AsyncFn(&Site, &Bench, &str, &str), faults: &[&str]) {
    for (queue, exchange, lanes) in QUEUES {
        if !faults.contains(&queue) {
            continue;
        }
        let (site, bench, mut jobs) = with_jobs(lanes).await;
        let (letters, of_broker) = (letters(), letters());
        let lie_there: Vec<Request> = letters.iter().chain(&of_broker).cloned().collect();
        // The fault shall take none along that are there before.
        bench.shovel(queue, another_than(queue)).await;
        fault(&site, &bench, queue, exchange).await;
        let more: Vec<Request> = (0..JOBS).map(|_| mug("acme")).collect();
        bench.publish_all(&more).await;
        jobs.extend(more);
        for letter in &of_broker {
            bench.publish_to("redeem.dead", &letter.clone().dead_by_broker()).await;
        }
        for letter in &letters {
            bench.put("redeem.dead", letter).await;
        }
        let worker = followed(&site, &bench, jobs).await;
        eventually("each letter is decided or lies there", async || {
            let dead = site.json(&["dead", "list"]);
            let is_there = |letter: &&Request| {
                dead.as_array().into_iter().flatten().any(|row| row["id"] == letter.job_id())
            };
            let there = lie_there.iter().filter(is_there).count() as i64;
            let decided = "select count(*) from ledger where client_id = 'zeta'";
            there + site.number(decided).await == lie_there.len() as i64
        })
        .await;
        drop(worker);
        remove(site).await;
    }
}

fn letters() -> Vec<Request> {
    (0..LETTERS).map(|_| mug("zeta")).collect()
}

#[tokio::test]
async fn nor_where_a_queue_has_other_arguments() {
    let fault = async |_: &Site, bench: &Bench, queue: &str, exchange: &str| {
        bench.delete(queue).await;
        let quorum = [("x-queue-type", AMQPValue::LongString("quorum".into()))];
        bench.queue(queue, None, &quorum).await;
        let key = if exchange.ends_with("lanes") { "1" } else { "#" };
        if queue != "redeem.dead" {
            bench.bind(queue, exchange, key).await;
        }
    };
    advice_is_followed(fault, &QUEUES.map(|(queue, ..)| queue)).await;
}

#[tokio::test]
async fn nor_where_a_queue_is_not_bound() {
    let fault = async |site: &Site, _: &Bench, queue: &str, _: &str| {
        delete_bindings(site, queue).await;
    };
    advice_is_followed(fault, &["redeem.requests", "redeem.requests.spare"]).await;
}

#[tokio::test]
async fn nor_where_a_queue_is_missing() {
    let fault = async |_: &Site, bench: &Bench, queue: &str, _: &str| bench.delete(queue).await;
    advice_is_followed(fault, &["redeem.requests", "redeem.requests.spare"]).await;
}

#[tokio::test]
async fn nor_where_the_dead_queue_is_bound_as_it_was_once() {
    let fault = async |_: &Site, bench: &Bench, queue: &str, exchange: &str| {
        bench.bind(queue, exchange, "").await;
    };
    advice_is_followed(fault, &["redeem.dead"]).await;
}

#[tokio::test]
async fn what_a_user_can_not_see_is_never_called_well() {
    let (site, _bench, _) = with_jobs("1").await;
    let url = user(&site, "ingress");
    let said = ask(&site, &[("AMQP_URL", &url)], &["--for", "ingress"]);
    assert!(
        said.left_out("whether queue redeem.requests is declared as expected"),
        "{}",
        said.text
    );
    assert!(
        !said.of("ok").iter().any(|well| well.contains("are declared as expected")),
        "{}",
        said.text
    );
    // The management API knows all of it, whatever our user may know.
    said.assert("ok", &["queues are bound as expected"]);
    remove(site).await;
}
