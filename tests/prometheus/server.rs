//! Debian's Prometheus as a private process, with the configuration of `deploy/prometheus` but for the
//! addresses, and with seconds for minutes.

use harness::{Process, eventually};
use serde_json::Value;
use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Once;

const DEPLOY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy");

/// Installs what is missing, once.
fn need() {
    static NEEDED: Once = Once::new();
    NEEDED.call_once(|| {
        let services = Path::new(DEPLOY).join("services");
        let installed = Command::new(services).args(["need", "prometheus"]).status();
        assert!(installed.is_ok_and(|status| status.success()), "prometheus can't be installed");
    });
}

/// Runs promtool on the files of `deploy/prometheus`; it must have no complaints.
pub fn promtool(arguments: &[&str], input: &str) {
    need();
    let mut child = Command::new("promtool")
        .args(arguments)
        .current_dir(Path::new(DEPLOY).join("prometheus"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool runs");
    child.stdin.take().expect("its input").write_all(input.as_bytes()).expect("read");
    let output = child.wait_with_output().expect("its end");
    let [out, err] = [&output.stdout, &output.stderr].map(|said| String::from_utf8_lossy(said));
    assert!(output.status.success(), "promtool {arguments:?}:\n{out}{err}");
    assert!(arguments[1] != "metrics" || err.is_empty(), "promtool {arguments:?}:\n{err}");
}

/// A rule as Prometheus has read it.
#[derive(Debug)]
pub struct Rule {
    pub name: String,
    pub kind: String,
    pub query: String,
    pub health: String,
}

pub struct Prometheus {
    child: Child,
    url: String,
    folder: PathBuf,
}

impl Prometheus {
    /// One that scrapes these two twice a second, and judges as often.
    pub async fn beside(ingress: &Process, worker: &Process) -> Self {
        need();
        let folder = std::env::temp_dir().join(format!("prometheus-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir(&folder).expect("a folder");
        for file in ["prometheus.yml", "recording.yml", "alerts.yml"] {
            let path = Path::new(DEPLOY).join("prometheus").join(file);
            let text = std::fs::read_to_string(path).expect(file);
            std::fs::write(folder.join(file), hastened(&text)).expect(file);
        }
        let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = taken.local_addr().expect("an address").to_string();
        drop(taken);
        let log = std::fs::File::create(folder.join("log")).expect("a log");
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", folder.join("prometheus.yml").display()))
            .arg(format!("--storage.tsdb.path={}", folder.join("data").display()))
            .arg(format!("--web.listen-address={address}"))
            .arg("--web.enable-lifecycle")
            .stderr(log)
            .spawn()
            .expect("prometheus runs");
        let prometheus = Self { child, url: format!("http://{address}"), folder };
        prometheus.scrape(&[("ingress", ingress), ("worker", worker)]).await;
        prometheus
    }

    /// Has it find these processes.
    pub async fn scrape(&self, processes: &[(&str, &Process)]) {
        let path = self.folder.join("prometheus.yml");
        let mut text = std::fs::read_to_string(&path).expect("its configuration");
        for (job, process) in processes {
            let address = process.metrics_address();
            let (head, tail) =
                text.split_once(&format!("job_name: redeemq-{job}\n")).expect("a job");
            let rest = tail.split_once('\n').map_or("", |(_, rest)| rest);
            text = format!(
                "{head}job_name: redeemq-{job}\n    static_configs: [{{targets: ['{address}']}}]\n{rest}"
            );
        }
        std::fs::write(&path, text).expect("its configuration");
        let reload = || reqwest::Client::new().post(format!("{}/-/reload", self.url)).send();
        eventually("it reads its configuration", async || {
            reload().await.is_ok_and(|answer| answer.status().is_success())
        })
        .await;
    }

    async fn ask(&self, path: &str, form: &[(&str, &str)]) -> Value {
        let request = reqwest::Client::new().post(format!("{}/api/v1/{path}", self.url));
        let answer = request.form(form).send().await.expect("an answer");
        let answer: Value = answer.json().await.expect("JSON");
        assert_eq!(answer["status"], "success", "{path} {form:?}: {answer}");
        answer["data"].clone()
    }

    /// The sum of what a query gives now; none if it gives nothing, or no number.
    pub async fn sum(&self, query: &str) -> Option<f64> {
        let data = self.ask("query", &[("query", query)]).await;
        let series = data["result"].as_array().expect("series");
        let value = |series: &Value| series["value"][1].as_str()?.parse::<f64>().ok();
        let values: Vec<f64> =
            series.iter().filter_map(value).filter(|value| !value.is_nan()).collect();
        (!values.is_empty()).then(|| values.iter().sum())
    }

    /// What a query gave over time, a step a second: labels and points of each series.
    pub async fn range(&self, query: &str, from: f64, to: f64) -> Vec<(Value, Vec<(f64, f64)>)> {
        let (start, end) = (from.to_string(), to.to_string());
        let form = [("query", query), ("start", &start), ("end", &end), ("step", "1")];
        let data = self.ask("query_range", &form).await;
        let points = |values: &Value| -> Vec<(f64, f64)> {
            let all = values.as_array().into_iter().flatten();
            all.filter_map(|point| Some((point[0].as_f64()?, point[1].as_str()?.parse().ok()?)))
                .collect()
        };
        let series = data["result"].as_array().into_iter().flatten();
        series.map(|series| (series["metric"].clone(), points(&series["values"]))).collect()
    }

    /// All rules.
    pub async fn rules(&self) -> Vec<Rule> {
        let answer = reqwest::get(format!("{}/api/v1/rules", self.url)).await.expect("an answer");
        let answer: Value = answer.json().await.expect("JSON");
        let groups = answer["data"]["groups"].as_array().cloned().unwrap_or_default();
        let rules = groups.iter().flat_map(|group| group["rules"].as_array().expect("rules"));
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let rule = |rule: &Value| Rule {
            name: text(&rule["name"]),
            kind: text(&rule["type"]),
            query: text(&rule["query"]),
            health: text(&rule["health"]),
        };
        rules.map(rule).collect()
    }

    /// The names of the alerts that fire.
    pub async fn firing(&self) -> BTreeSet<String> {
        let answer = reqwest::get(format!("{}/api/v1/alerts", self.url)).await.expect("an answer");
        let answer: Value = answer.json().await.expect("JSON");
        let alerts = answer["data"]["alerts"].as_array().cloned().unwrap_or_default();
        let firing = alerts.iter().filter(|alert| alert["state"] == "firing");
        firing
            .filter_map(|alert| alert["labels"]["alertname"].as_str().map(str::to_owned))
            .collect()
    }
}

/// With half a second between two looks, and a second to wait where minutes are meant.
fn hastened(text: &str) -> String {
    let line = |line: &str| match line.trim_start().split_once(": ") {
        Some(("for", _)) => "        for: 1s\n".to_owned(),
        Some((interval @ ("scrape_interval" | "evaluation_interval"), _)) => {
            format!("  {interval}: 500ms\n")
        }
        _ => format!("{line}\n"),
    };
    text.lines().map(line).collect()
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("{}", std::fs::read_to_string(self.folder.join("log")).unwrap_or_default());
        }
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
