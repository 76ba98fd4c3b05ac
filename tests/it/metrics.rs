//! What ops see: every metric is documented and every documented one is told, and those that no other
//! test brings about are seen to move here.

use crate::harness::{Bench, Process, Request, Role, Site, eventually, mug, with_mugs};
use redeemq::ops::catalogue::{self, Kind, Part};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

const SOON: (&str, &str) = ("REDEEMQ_LOOK_EVERY_SECONDS", "1");

/// A documented metric: type, labels, who tells it, and what it tells.
type Row = [String; 4];

fn documented() -> BTreeMap<String, Row> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/metrics.md");
    let text = std::fs::read_to_string(path).expect("docs/metrics.md");
    let rows = text.lines().filter_map(|line| line.strip_prefix("| `redeemq_"));
    let row = |row: &str| {
        let cells: Vec<&str> = row.split(" |").map(str::trim).collect();
        let cell = |at: usize| cells[at].trim_start_matches('|').trim().replace('`', "");
        (format!("redeemq_{}", cell(0)), [cell(1), cell(2), cell(3), cell(4)])
    };
    rows.map(row).collect()
}

fn catalogued() -> BTreeMap<String, [String; 3]> {
    let row = |metric: &catalogue::Metric| {
        let kind = match metric.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram(_) => "histogram",
        };
        let part = match metric.part {
            Part::Ingress => "i",
            Part::Worker => "w",
            Part::Any => "both",
        };
        let told = [kind.to_owned(), metric.labels.join(", "), part.to_owned()];
        (metric.name.to_owned(), told)
    };
    catalogue::ALL.iter().map(row).collect()
}

#[test]
fn the_table_of_metrics_is_the_catalogue_of_the_code() {
    let documented = documented();
    let told: BTreeMap<String, [String; 3]> = documented
        .iter()
        .map(|(name, [kind, labels, part, _])| {
            (name.clone(), [kind.clone(), labels.clone(), part.clone()])
        })
        .collect();
    assert_eq!(told, catalogued());
    for (name, [_, _, _, what]) in &documented {
        assert!(what.len() >= 10, "{name} tells {what:?}");
    }
}

/// All of the code but the catalogue.
fn sources(folder: &Path, text: &mut String) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, text);
        } else if !path.ends_with("ops/catalogue.rs") {
            text.push_str(&std::fs::read_to_string(&path).expect("a source"));
        }
    }
}

#[test]
fn what_the_catalogue_has_is_counted_somewhere_as_what_it_is() {
    let mut code = String::new();
    sources(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src")), &mut code);
    for (name, [kind, ..]) in catalogued() {
        let told = code.replace(['\n', ' '], "").contains(&format!("{kind}!(\"{name}\""));
        assert!(told, "{name} is a {kind} that nothing tells");
    }
}

/// Names on a page with the labels of each of their series: those of histograms as the histogram.
fn told(page: &str) -> BTreeSet<(String, Vec<String>)> {
    let mut names = BTreeSet::new();
    for line in page.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let end = line.find(['{', ' ']).expect("a name");
        let labels = line[end..].strip_prefix('{').and_then(|rest| rest.rsplit_once('}'));
        let labels = labels.map_or("", |(labels, _)| labels).split("\",");
        let labels = labels.filter_map(|label| Some(label.split_once('=')?.0.to_owned()));
        let labels: Vec<String> = labels.filter(|label| label != "le").collect();
        let parts = ["_bucket", "_sum", "_count"];
        let name = parts.iter().find_map(|part| line[..end].strip_suffix(part));
        names.insert((name.unwrap_or(&line[..end]).to_owned(), labels));
    }
    names
}

fn assert_documented(process: &str, page: &str) {
    let documented = documented();
    let text = include_str!("../../docs/metrics.md");
    for (name, mut labels) in told(page) {
        labels.sort();
        match documented.get(&name) {
            Some([_, wanted, _, _]) => {
                let mut wanted: Vec<&str> =
                    wanted.split(", ").filter(|label| !label.is_empty()).collect();
                wanted.sort_unstable();
                assert_eq!(labels, wanted, "labels of {name}, told by the {process}");
            }
            None => assert!(
                name.starts_with("process_") && text.contains(&format!("`{name}`")),
                "{name}, told by the {process}, is not documented"
            ),
        }
        assert!(page.contains(&format!("# HELP {name} ")), "{name} has no help");
    }
}

#[tokio::test]
async fn every_metric_on_the_page_is_in_the_table_with_its_labels() {
    let site = with_mugs().await;
    let audited = [SOON, ("REDEEMQ_AUDIT_EVERY_SECONDS", "1")];
    let (ingress, worker) =
        tokio::join!(site.start(Role::Ingress, &[SOON]), site.start(Role::Worker, &audited));
    let caller = site.caller(&ingress, "acme").await;
    site.json(&["goods", "watch", "--client", "acme", "mug"]);
    let params = json!({"goods_id": "mug", "player_id": "p1", "amount": 1});
    for _ in 0..3 {
        assert_eq!(caller.decide("/Redeem/goods", &params).await.said(), (200, "0000"));
    }
    eventually("all is looked at", async || {
        let page = worker.page().await;
        page.contains("redeemq_goods_remaining{")
            && page.contains("redeemq_queue_messages{")
            && page.contains("redeemq_audit_finished_timestamp_seconds ")
    })
    .await;
    let pages = [("ingress", ingress.page().await), ("worker", worker.page().await)];
    for (process, page) in &pages {
        assert_documented(process, page);
        for metric in catalogue::ALL {
            let of_ingress = *process == "ingress";
            let is_told = page.contains(&format!("# TYPE {} ", metric.name));
            assert!(
                !is_told || metric.is_of(of_ingress, !of_ingress),
                "{}: {process}",
                metric.name
            );
        }
        assert!(page.contains(&format!("version=\"{}\"}} 1\n", env!("CARGO_PKG_VERSION"))));
    }
    let told: BTreeSet<String> =
        pages.iter().flat_map(|(_, page)| told(page)).map(|(name, _)| name).collect();
    let seldom = [
        "redeemq_connections_cut_total",  // nobody misbehaves here
        "redeemq_broker_blocked_seconds", // told when an alarm is over
    ];
    for metric in catalogue::ALL.iter().filter(|metric| !seldom.contains(&metric.name)) {
        assert!(told.contains(metric.name), "{} is told by neither", metric.name);
    }
    site.close().await;
}

async fn is(process: &Process, metric: &str, labels: &str, value: f64) {
    let what = format!("{metric} {labels} is {value}");
    eventually(&what, async || process.metric(metric, labels).await == value).await;
}

#[tokio::test]
async fn an_ingress_tells_how_full_the_queues_are_and_that_nobody_takes_from_them() {
    let site = with_mugs().await;
    let ingress = site.start(Role::Ingress, &[SOON]).await;
    let bench = Bench::open(&site.amqp_url).await;
    let (requests, dead) = ("queue=\"redeem.requests\"", "queue=\"redeem.dead\"");
    is(&ingress, "redeemq_queue_consumers", requests, 0.0).await;
    is(&ingress, "redeemq_gates_open", "", 2.0).await;
    bench.publish_all(&[mug("acme"), mug("acme"), mug("acme")]).await;
    is(&ingress, "redeemq_queue_messages", requests, 3.0).await;

    let worker = site.start(Role::Worker, &[SOON]).await;
    bench.publish(&Request::raw(b"no job")).await;
    is(&ingress, "redeemq_queue_messages", requests, 0.0).await;
    is(&ingress, "redeemq_queue_consumers", requests, 1.0).await;
    is(&ingress, "redeemq_queue_messages", dead, 1.0).await;
    is(&worker, "redeemq_queue_messages", dead, 1.0).await;
    is(&worker, "redeemq_dead_total", "reason=\"undecodable\"", 1.0).await;

    worker.kill();
    is(&ingress, "redeemq_queue_consumers", requests, 0.0).await;
    site.close().await;
}

#[tokio::test]
async fn the_stock_of_watched_goods_is_right_even_while_nothing_is_decided() {
    let site = Site::with_clients().await;
    site.goods("acme", "goods_id,quantity,group\nmug,5,\nfilm,,film\nair,,\nhidden,9,\n");
    site.goods("@cola", "goods_id,quantity\ncola,7\n");
    site.coupons(
        "acme",
        "film",
        "code,expires_at\nF1,2099-01-01T00:00:00Z\nF2,2001-01-01T00:00:00Z\nF3,\n",
    );
    site.json(&["goods", "watch", "--client", "acme", "mug", "film", "air"]);
    let watched = site.json(&["goods", "watch", "--sponsor", "cola", "cola"]);
    assert_eq!(
        watched[3],
        json!({"owner": "@cola", "goods_id": "cola", "granted": 0, "remaining": 7})
    );
    let worker = site.start(Role::Worker, &[SOON]).await;
    for (goods, left) in [("mug", 5.0), ("film", 2.0), ("air", f64::INFINITY), ("cola", 7.0)] {
        is(&worker, "redeemq_goods_remaining", &format!("goods=\"{goods}\""), left).await;
    }
    assert!(!worker.page().await.contains("hidden"));

    let bench = Bench::open(&site.amqp_url).await;
    bench.publish_all(&[mug("acme"), mug("acme")]).await;
    is(&worker, "redeemq_goods_remaining", "owner=\"acme\",goods=\"mug\"", 3.0).await;
    assert_eq!(worker.metric("redeemq_goods_granted_total", "goods=\"mug\"").await, 2.0);
    site.goods("acme", "goods_id,quantity\nmug,50\n");
    is(&worker, "redeemq_goods_remaining", "goods=\"mug\"", 48.0).await;
    site.json(&["goods", "unwatch", "--client", "acme", "mug"]);
    eventually("it is told no longer", async || {
        worker.metric("redeemq_goods_remaining", "goods=\"mug\"").await.is_nan()
    })
    .await;
    site.close().await;
}

#[tokio::test]
async fn only_goods_that_there_are_can_be_watched_and_not_too_many() {
    let site = Site::with_clients().await;
    let rows: String = (0..101).map(|goods| format!("g{goods}\n")).collect();
    site.goods("acme", &format!("goods_id\n{rows}"));
    let ids: Vec<String> = (0..101).map(|goods| format!("g{goods}")).collect();
    let watch = |owner: [&str; 2], ids: &[String]| {
        let mut arguments = vec!["goods", "watch", owner[0], owner[1]];
        arguments.extend(ids.iter().map(String::as_str));
        let output = site.run(&arguments);
        let complaints = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code(), complaints)
    };
    let (status, complaints) = watch(["--client", "acme"], &["none".to_owned()]);
    assert!(status == Some(2) && complaints.contains("`none`"), "{complaints}");
    let (status, complaints) = watch(["--client", "zeta"], &ids[..1]);
    assert!(status == Some(2) && complaints.contains("`g0`"), "{complaints}");
    let (status, complaints) = watch(["--client", "acme"], &ids);
    assert!(status == Some(2) && complaints.contains("101 goods"), "{complaints}");
    assert_eq!(site.json(&["goods", "watched"]), json!([]));
    for _ in 0..2 {
        assert_eq!(watch(["--client", "acme"], &ids[..100]).0, Some(0));
    }
    assert_eq!(watch(["--client", "acme"], &ids[100..]).0, Some(2));
    site.close().await;
}

#[tokio::test]
async fn the_use_of_pools_and_of_the_process_is_told() {
    let site = with_mugs().await;
    let process = site.serve().await;
    let used = "state=\"used\"";
    for (pool, most) in [
        ("results", 131.0),
        ("requests", 2.0),
        ("ingress_database", 8.0),
        ("worker_database", 69.0),
    ] {
        let pool = format!("pool=\"{pool}\"");
        assert_eq!(process.metric("redeemq_pool_connections_max", &pool).await, most, "{pool}");
    }
    for (pool, connections) in [("results", 1.0), ("requests", 2.0)] {
        let labels = format!("pool=\"{pool}\",{used}");
        is(&process, "redeemq_pool_connections", &labels, connections).await;
    }
    let memory = process.metric("process_resident_memory_bytes", "").await;
    assert!((0.5..2.0).contains(&(memory / process.memory() as f64)), "{memory}");
    assert!(process.metric("process_open_fds", "").await > 10.0);
    let mut held = site.store.begin().await.expect("a transaction");
    sqlx::query("select from goods for update").fetch_all(&mut *held).await.expect("held");
    Bench::open(&site.amqp_url).await.publish(&mug("acme")).await;
    is(&process, "redeemq_lane_busy", "lane=\"common\"", 1.0).await;
    let labels = format!("pool=\"worker_database\",{used}");
    eventually("a connection of the worker is used", async || {
        process.metric("redeemq_pool_connections", &labels).await >= 1.0
    })
    .await;
    eventually("the job grows old", async || {
        process.metric("redeemq_oldest_job_age_seconds", "").await > 1.0
    })
    .await;
    held.rollback().await.expect("let go");
    is(&process, "redeemq_lane_busy", "lane=\"common\"", 0.0).await;
    is(&process, "redeemq_oldest_job_age_seconds", "", 0.0).await;
    site.close().await;
}
