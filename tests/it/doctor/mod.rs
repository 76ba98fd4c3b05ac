//! `redeemq doctor` and what a worker makes sure of when it starts: each thing that would break a
//! promise is made so on a real server, found, named with its remedy, and refused.

mod advice;
mod broker;
mod database;
mod management;
mod rights;
mod spelling;
mod start;

use harness::{Role, Site};
use serde_json::Value;

/// What `doctor` said, and its exit status.
pub struct Said {
    pub status: Option<i32>,
    pub report: Value,
    pub text: String,
}

impl Said {
    /// Everything found of this severity.
    pub fn of(&self, severity: &str) -> Vec<String> {
        let findings = self.report["findings"].as_array().expect("findings");
        let text = |finding: &Value, field: &str| finding[field].as_str().unwrap_or("").to_owned();
        findings
            .iter()
            .filter(|finding| finding["severity"] == severity)
            .map(|finding| format!("{}. {}", text(finding, "what"), text(finding, "remedy")))
            .collect()
    }

    /// Fails unless one finding of this severity has all these words.
    pub fn assert(&self, severity: &str, words: &[&str]) {
        let found = self.of(severity);
        let fits = |finding: &String| words.iter().all(|word| finding.contains(word));
        assert!(found.iter().any(fits), "no {severity} finding with {words:?}:\n{}", self.report);
    }

    /// Whether something was left unchecked, and says so.
    pub fn left_out(&self, word: &str) -> bool {
        let unchecked = self.report["not_checked"].as_array().expect("a list");
        unchecked.iter().any(|unchecked| unchecked["what"].as_str().unwrap_or("").contains(word))
    }
}

/// Asks with these settings of the environment (empty: not given).
pub fn ask(site: &Site, environment: &[(&str, &str)], arguments: &[&str]) -> Said {
    let output = std::process::Command::new(harness::places::binary())
        .arg("doctor")
        .args(arguments)
        .arg("--json")
        .env("DATABASE_URL", &site.database_url)
        .env("AMQP_URL", &site.amqp_url)
        .envs(environment.iter().copied())
        .output()
        .expect("the binary runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let complaints = String::from_utf8_lossy(&output.stderr);
    let report = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}{complaints}"));
    Said { status: output.status.code(), report, text: text + &complaints }
}

/// Asks with the users of the tests, which may do anything.
pub fn doctor(site: &Site) -> Said {
    ask(site, &[], &[])
}

/// A worker that must not start: what it said when it ended.
pub async fn refused(site: &Site, environment: &[(&str, &str)]) -> String {
    let process = site.launch_doomed(Role::Worker, environment);
    let (status, log) = process.ended().await;
    assert!(!status.success(), "{log}");
    assert!(!log.contains("\"consuming\""), "it took jobs: {log}");
    log
}

/// Fails unless a worker refuses with these words, and leaves the jobs where they are.
pub async fn assert_refused(site: &Site, environment: &[(&str, &str)], words: &[&str]) {
    let log = refused(site, environment).await;
    assert!(words.iter().all(|word| log.contains(word)), "{words:?} in\n{log}");
}
