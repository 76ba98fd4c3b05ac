//! Whatever a doctor advises, no job is lost by doing so.

use super::{Said, ask};
use harness::rights::{self, PASSWORD, as_user};
use harness::{Bench, Request, Role, Site, Tally, mug, site::management};
use reqwest::Method;
use serde_json::{Value, json};

const JOBS: usize = 20;

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
    let path = format!("queues/{}/{queue}", site.name);
    // Another finding may have been about the same queue.
    let is_there = management(Method::GET, &path, None).await.is_ok();
    if is_there && finding.contains("elete its binding") {
        delete_bindings(site, queue).await;
    }
    if is_there && finding.contains("with a shovel") {
        while let Some(moved) = bench.pop(queue).await {
            let request = Request { body: moved.body, ..Request::raw(b"") };
            bench.publish_to("redeem.requests.spare", &request).await;
        }
        management(Method::DELETE, &path, None).await.expect("deleted");
    }
    let known = ["elete its binding", "tart a worker", "REDEEMQ_LANES set"];
    assert!(known.iter().any(|known| finding.contains(known)), "no test follows: {finding}");
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

/// Follows all advice, publishes more jobs, and starts a worker: each job is decided.
async fn nothing_is_lost(site: Site, bench: &Bench, mut jobs: Vec<Request>) {
    for said in asked(&site) {
        for finding in [said.of("fatal"), said.of("warning")].concat() {
            // That of the database is about the users of the tests.
            if finding.contains("redeem.") {
                follow(&site, bench, &finding).await;
            }
        }
    }
    let mut results = bench.results("#").await;
    let more: Vec<Request> = (0..JOBS).map(|_| mug("acme")).collect();
    bench.publish_all(&more).await;
    jobs.extend(more);
    let url = user(&site, "worker");
    let _worker = site.start(Role::Worker, &[("AMQP_URL", &url)]).await;
    let mut tally = Tally::of(&jobs);
    tally.read(&mut results, 0).await;
    assert!(tally.answers().iter().all(|answer| answer["error_code"] == "0000"));
    site.audit();
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

#[tokio::test]
async fn nor_where_a_queue_has_other_arguments() {
    let (site, bench, _) = with_jobs("1").await;
    let path = format!("queues/{}/redeem.requests", site.name);
    management(Method::DELETE, &path, None).await.expect("deleted");
    let quorum = json!({"durable": true, "arguments": {"x-queue-type": "quorum"}});
    management(Method::PUT, &path, Some(quorum)).await.expect("declared");
    bench.bind("redeem.requests", "redeem.requests", "#").await;
    let jobs: Vec<Request> = (0..JOBS).map(|_| mug("acme")).collect();
    bench.publish_all(&jobs).await;
    nothing_is_lost(site, &bench, jobs).await;
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
    for user in ["ingress", "worker", "operator"] {
        rights::remove_broker_user(&site.name, user).await;
    }
    site.close().await;
}
