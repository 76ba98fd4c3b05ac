//! The rules for the Prometheus operator are those of `deploy/prometheus`. `make documents` writes them anew.

use super::manifests::{list, of_kind, one, pods, text};
use harness::places::root;
use serde_json::Value;
use std::collections::BTreeSet;

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).expect(path)
}

fn made(name: &str) -> String {
    let rules = read(&format!("deploy/prometheus/{name}.yml"));
    let indented = rules.lines().map(|line| match line {
        "" => "\n".to_owned(),
        line => format!("  {line}\n"),
    });
    format!(
        "# Made of deploy/prometheus/{name}.yml: `make documents`.\n\
         apiVersion: monitoring.coreos.com/v1\n\
         kind: PrometheusRule\n\
         metadata:\n  \
           name: redeemq-{name}\n  \
           labels: {{app.kubernetes.io/name: redeemq-{name}, app.kubernetes.io/part-of: redeemq}}\n\
         spec:\n{}",
        indented.collect::<String>()
    )
}

#[test]
fn the_kept_rules_are_those_of_deploy_prometheus() {
    for name in ["recording", "alerts"] {
        let (path, made) = (format!("deploy/kubernetes/monitoring/{name}.yaml"), made(name));
        if std::env::var_os("REDEEMQ_WRITE_DOCUMENTS").is_some() {
            std::fs::write(root().join(&path), &made).expect("written");
        }
        assert!(read(&path) == made, "{path} is not what deploy/prometheus says: `make documents`");
    }
}

#[test]
fn all_rules_are_sent() {
    let sent = of_kind("PrometheusRule");
    let rules: usize =
        sent.iter().flat_map(|o| list(&o["spec"]["groups"])).map(|g| list(&g["rules"]).len()).sum();
    let written =
        ["recording", "alerts"].map(|name| read(&format!("deploy/prometheus/{name}.yml")));
    let is_rule =
        |line: &&str| ["- alert:", "- record:"].iter().any(|it| line.trim_start().starts_with(it));
    assert_eq!(rules, written.iter().flat_map(|text| text.lines()).filter(is_rule).count());
}

/// Rules and dashboard ask for jobs by name.
#[test]
fn pods_are_scraped_under_the_names_that_the_rules_ask_for() {
    let monitor = &one("PodMonitor", "redeemq")["spec"];
    let label = text(&monitor["jobLabel"]);
    let selected = &monitor["selector"]["matchExpressions"][0];
    assert_eq!(selected["key"], label);
    let scraped: BTreeSet<&str> = list(&selected["values"]).iter().map(text).collect();
    let of_pods = pods()
        .into_iter()
        .map(|(_, pod)| text(&pod["metadata"]["labels"][label]))
        .collect::<BTreeSet<_>>();
    assert!(scraped.is_subset(&of_pods), "{scraped:?} of {of_pods:?}");
    let configured = read("deploy/prometheus/prometheus.yml");
    let jobs = configured.lines().filter_map(|line| line.trim().strip_prefix("- job_name: "));
    assert_eq!(scraped, jobs.collect());
}

/// Names of metrics in a text.
fn metrics_in(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    let names = words.filter(|word| word.starts_with("redeemq_"));
    names.map(|name| name.trim_end_matches("_bucket").to_owned()).collect()
}

#[test]
fn every_metric_that_is_asked_for_is_in_the_table() {
    let page = read("docs/metrics.md");
    let told: BTreeSet<&str> =
        page.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    let queries =
        of_kind("ScaledObject").into_iter().flat_map(|object| list(&object["spec"]["triggers"]));
    let queries = queries.filter_map(|trigger| trigger["metadata"]["query"].as_str());
    let expressions =
        of_kind("PrometheusRule").into_iter().flat_map(|object| list(&object["spec"]["groups"]));
    let expressions =
        expressions.flat_map(|group| list(&group["rules"])).map(|rule: &Value| text(&rule["expr"]));
    let mut found = 0;
    for metric in queries.chain(expressions).flat_map(metrics_in) {
        found += 1;
        assert!(told.contains(metric.as_str()), "docs/metrics.md has no {metric}");
    }
    assert!(found > 20, "only {found} metrics");
}
