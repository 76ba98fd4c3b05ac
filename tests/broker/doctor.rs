//! What a doctor says of a broker that blocks publishers or takes only small messages, and that a
//! worker which starts meanwhile is not kept from it.

use crate::node::{Node, alone};
use harness::{Role, Site};
use serde_json::Value;

fn doctor(site: &Site) -> (Option<i32>, String) {
    let output = site.run(&["doctor", "--for", "worker", "--json"]);
    (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
}

async fn declared(node: &Node) -> Site {
    let site = node.site().await;
    let worker = site.start(Role::Worker, &[]).await;
    assert!(worker.terminate().await.success());
    site
}

#[tokio::test]
async fn an_alarm_is_told_and_keeps_no_worker_from_starting() {
    let (node, _turn) = alone().await;
    let site = declared(node).await;
    assert!(doctor(&site).1.contains("no alarm blocks publishers"));
    let alarm = node.alarm();
    let (status, said) = doctor(&site);
    assert_eq!(status, Some(1), "{said}");
    let report: Value = serde_json::from_str(&said).expect("JSON");
    let found = |words: &str| {
        let findings = report["findings"].as_array().expect("findings");
        findings.iter().any(|finding| {
            finding["severity"] == "warning"
                && finding["what"].as_str().is_some_and(|what| what.contains(words))
        })
    };
    assert!(found("the broker blocks publishers"), "{said}");
    assert!(found("blocked by an alarm: memory on"), "{said}");
    assert!(said.contains("Give the broker memory or disk"), "{said}");
    let _worker = site.start(Role::Worker, &[]).await;
    drop(alarm);
    assert!(doctor(&site).1.contains("no alarm blocks publishers"));
    site.close().await;
}

#[tokio::test]
async fn a_broker_that_takes_only_small_messages_is_told() {
    let (node, _turn) = alone().await;
    let site = declared(node).await;
    assert!(doctor(&site).1.contains("messages of 8 MiB are accepted"));
    let _small = node.with("max_message_size", 50_000, 134_217_728);
    let (status, said) = doctor(&site);
    assert_eq!(status, Some(1), "{said}");
    assert!(said.contains("max_message_size of the broker is less than 8 MiB"), "{said}");
    assert!(said.contains("rabbitmq.conf"), "{said}");
    site.close().await;
}
