//! What ops get: a real Prometheus with the configuration of `deploy/`, beside a real stack under load.
//! Each rule and each query of the dashboard finds data, and who kills the worker is told.

#![expect(unreachable_pub, reason = "a test binary has no outside")]

mod dashboard;
mod load;
mod picture;
mod server;

use dashboard::Panel;
use harness::eventually;
use load::Stack;
use server::{Prometheus, promtool};

#[test]
fn the_configuration_is_valid_and_each_alert_fires_when_it_should() {
    promtool(&["check", "config", "prometheus.yml"], "");
    promtool(&["test", "rules", "tests.yml"], "");
}

/// A rule without its threshold: what it looks at must be there while all is well, too.
fn without_threshold(query: &str) -> &str {
    let at = [" > ", " < ", " == "].iter().filter_map(|sign| query.rfind(sign)).max();
    at.map_or(query, |at| &query[..at])
}

#[tokio::test]
async fn every_rule_and_every_panel_has_data_under_load_and_a_dead_worker_is_told() {
    let stack = Stack::start().await;
    for process in [&stack.ingress, &stack.worker] {
        promtool(&["check", "metrics"], &process.page().await);
    }
    let prometheus = Prometheus::beside(&stack.ingress, &stack.worker).await;
    eventually("both are scraped", async || prometheus.sum("sum(up)").await == Some(2.0)).await;

    let rules = prometheus.rules().await;
    assert!(rules.iter().filter(|rule| rule.kind == "alerting").count() >= 15, "{rules:?}");
    assert!(rules.iter().filter(|rule| rule.kind == "recording").count() >= 9, "{rules:?}");
    let of_rules = rules.iter().map(|rule| match rule.kind.as_str() {
        "recording" => rule.name.clone(),
        _ => without_threshold(&rule.query).to_owned(),
    });
    let panels = Panel::all();
    let of_panels = panels.iter().flat_map(|panel| panel.queries("10s")).map(|(query, _)| query);
    for query in of_rules.chain(of_panels) {
        eventually(&format!("there is data for {query}"), async || {
            prometheus.sum(&query).await.is_some()
        })
        .await;
    }
    for rule in prometheus.rules().await {
        assert_eq!(rule.health, "ok", "{}", rule.name);
    }
    let decided = "sum(redeemq_decided_total) > 100";
    eventually("it was under load", async || prometheus.sum(decided).await.is_some()).await;
    let firing = prometheus.firing().await;
    let expected = |name: &String| name.starts_with("RedeemqStock"); // a flood empties it
    assert!(firing.iter().all(expected), "{firing:?} while all is well");

    let stack = stack.without_worker();
    for alert in ["RedeemqNoWorker", "RedeemqNoConsumer"] {
        eventually(&format!("{alert} fires"), async || prometheus.firing().await.contains(alert))
            .await;
    }
    let stack = stack.with_worker_at(&prometheus).await;
    eventually("all is well again", async || prometheus.firing().await.iter().all(expected)).await;
    stack.close().await;
}

/// `make picture`
#[tokio::test]
#[ignore = "it takes two minutes and writes to docs/pictures"]
async fn draws_the_dashboard() {
    picture::draw().await;
}
