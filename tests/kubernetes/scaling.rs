//! How many workers there are: by all messages and by age, and none is taken away while there is a job.

use super::manifests::{list, one, piped, text};
use harness::places::{scratch, script};
use serde_json::Value;
use std::process::Command;

fn scaled() -> &'static Value {
    &one("ScaledObject", "redeemq-worker")["spec"]
}

fn trigger(name: &str) -> &'static Value {
    let found = list(&scaled()["triggers"]).iter().find(|trigger| trigger["name"] == name);
    found.unwrap_or_else(|| panic!("no trigger {name}"))
}

#[test]
fn workers_are_scaled_by_the_scaler_alone() {
    assert_eq!(scaled()["scaleTargetRef"]["name"], "redeemq-worker");
    let worker = one("Deployment", "redeemq-worker");
    assert!(worker["spec"]["replicas"].is_null(), "each apply would undo what the scaler did");
    assert!(scaled()["minReplicaCount"].as_u64() >= Some(2), "the budget needs two");
}

/// By AMQP, KEDA counts ready messages alone. That it counts all by HTTP is in scaler.rs.
#[test]
fn ready_messages_alone_decide_nothing() {
    let messages = &trigger("messages")["metadata"];
    assert_eq!(messages["protocol"], "http");
    assert_eq!(messages["excludeUnacknowledged"], "false");
    assert_eq!(messages["mode"], "QueueLength");
    // More than two of what a worker holds: prefetch is three batches of 500.
    assert!(text(&messages["value"]).parse::<u64>().expect("a number") >= 3_000);
    assert!(text(&trigger("age")["metadata"]["query"]).contains("redeemq_oldest_job_age_seconds"));
}

#[test]
fn a_number_that_cannot_be_read_takes_no_worker_away() {
    for name in ["age", "in-hand"] {
        assert_eq!(trigger(name)["metadata"]["ignoreNullValues"], "false", "{name}");
    }
    let down = &scaled()["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]["scaleDown"];
    assert!(down["stabilizationWindowSeconds"].as_u64() >= Some(300), "{down}");
}

/// What three workers and an ingress tell, and what the query gives. A queue has a series for each process.
struct Case {
    why: &'static str,
    /// Whether each worker can be scraped; one that can't has no series but this.
    up: [bool; 3],
    /// The oldest job of the second worker.
    age: &'static str,
    /// Messages of the request queue; none is no series.
    ready: Option<&'static str>,
    wanted: u8,
}

const fn case(why: &'static str, age: &'static str, ready: &'static str, wanted: u8) -> Case {
    Case { why, up: [true; 3], age, ready: Some(ready), wanted }
}

const CASES: [Case; 12] = [
    case("no job anywhere", "0", "0", 0),
    case("a worker holds a job, and no message is ready", "2", "0", 3),
    case("a message is ready, and no worker holds one", "0", "1", 3),
    case("both", "70", "5000", 3),
    case("depths cannot be read", "0", "NaN", 3),
    case("depths cannot be read, and a worker holds a job", "4", "NaN", 3),
    case("no age is known", "NaN", "0", 3),
    Case { ready: None, ..case("no queue is told of", "0", "", 3) },
    Case { up: [true, false, true], ..case("a worker cannot be scraped", "0", "0", 3) },
    Case { up: [true, true, false], ..case("an idle worker cannot be scraped", "0", "0", 3) },
    Case { up: [true, false, false], ..case("there is a job, and two cannot", "0", "9", 3) },
    Case { up: [false; 3], ..case("no worker can be scraped", "0", "0", 3) },
];

/// Prometheus itself evaluates it.
#[test]
fn while_there_is_a_job_as_many_workers_are_wanted_as_there_are() {
    let installed = Command::new(script("services")).args(["need", "prometheus"]).status();
    assert!(installed.is_ok_and(|status| status.success()), "prometheus can't be installed");
    assert_eq!(trigger("in-hand")["metricType"], "AverageValue");
    assert_eq!(trigger("in-hand")["metadata"]["threshold"], "1");
    let query = text(&trigger("in-hand")["metadata"]["query"]);
    let folder = scratch().join("in-hand");
    std::fs::create_dir_all(&folder).expect("a folder");
    let rules = serde_json::json!({"groups": [{"name": "q", "rules": [{"record": "wanted", "expr": query}]}]});
    std::fs::write(folder.join("rules.yml"), rules.to_string()).expect("written");
    let series = |name: &str, value: &str| {
        let values = [value; 9].join(" ");
        serde_json::json!({"series": name, "values": values})
    };
    let tests = CASES.map(|Case { why, up, age, ready, wanted }| {
        let mut input = Vec::new();
        for (worker, is_up) in ["a", "b", "c"].into_iter().zip(up) {
            let of = format!("job=\"redeemq-worker\",instance=\"{worker}\"");
            input.push(series(&format!("up{{{of}}}"), if is_up { "1" } else { "0" }));
            let age = if worker == "b" || age == "NaN" { age } else { "0" };
            if is_up {
                input.push(series(&format!("redeemq_oldest_job_age_seconds{{{of}}}"), age));
            }
        }
        input.push(series("up{job=\"redeemq-ingress\",instance=\"i\"}", "1"));
        for instance in ["a", "i"] {
            let Some(ready) = ready else { continue };
            for (queue, ready) in [("redeem.requests", ready), ("redeem.requests.spare", "0"), ("redeem.dead", "7")] {
                let name = format!("redeemq_queue_messages{{instance=\"{instance}\",queue=\"{queue}\"}}");
                input.push(series(&name, ready));
            }
        }
        let expected = serde_json::json!([{"labels": "wanted", "value": wanted}]);
        let asked = serde_json::json!([{"expr": "wanted", "eval_time": "2m", "exp_samples": expected}]);
        serde_json::json!({"name": why, "interval": "1m", "input_series": input, "promql_expr_test": asked})
    });
    let tests = serde_json::json!({"rule_files": ["rules.yml"], "evaluation_interval": "1m", "tests": tests});
    std::fs::write(folder.join("tests.yml"), tests.to_string()).expect("written");
    piped(Command::new("promtool").args(["test", "rules", "tests.yml"]).current_dir(&folder), "");
}
