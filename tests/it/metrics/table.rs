//! The table of metrics, the catalogue in the code and what the processes tell are the same.

use super::SOON;
use harness::{Role, eventually, with_mugs};
use redeemq::ops::catalogue::{self, Kind, Part};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

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
    let text = include_str!("../../../docs/metrics.md");
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

#[tokio::test]
async fn what_has_known_labels_is_told_from_the_start() {
    let site = with_mugs().await;
    let (ingress, worker) =
        tokio::join!(site.start(Role::Ingress, &[SOON]), site.start(Role::Worker, &[SOON]));
    let (ingress, worker) = (ingress.page().await, worker.page().await);
    for metric in catalogue::ALL {
        let page = if metric.is_of(false, true) { &worker } else { &ingress };
        let count = if matches!(metric.kind, Kind::Histogram(_)) { "_count" } else { "" };
        for values in metric.known {
            let labels = metric.labels.iter().zip(*values);
            let labels: Vec<String> =
                labels.map(|(label, value)| format!("{label}=\"{value}\"")).collect();
            let labels = labels.join(",");
            let labels = if labels.is_empty() { labels } else { format!("{{{labels}}}") };
            let line = format!("\n{}{count}{labels} ", metric.name);
            assert!(page.contains(&line), "{line}");
        }
    }
    site.close().await;
}
