//! `redeemq doctor`: looks for what would break a promise, before it does.
//!
//! It changes nothing: nothing is declared, no message is taken or published, no row is written. A
//! worker asks the fatal part of it once, when it starts: [`start`].

mod arguments;
mod bindings;
mod broker;
mod clock;
mod database;
pub mod finding;
mod growth;
mod lanes;
mod lines;
mod options;
mod policies;
mod rights;
mod role;
mod schema;
mod session;
mod spelling;
pub mod start;
mod transport;
mod version;

pub use options::{DoctorCommand, Settings};
pub use role::Role;

use super::output::{Lines, Output, line};
use finding::{Finding, Severity, Unchecked};
use serde::Serialize;
use std::process::ExitCode;

#[derive(Serialize)]
struct Report {
    ok: bool,
    fatal: usize,
    warnings: usize,
    findings: Vec<Finding>,
    not_checked: Vec<Unchecked>,
}

/// Examines both servers. Exits with 0 when there is nothing to do; with 1 when there is; with 2 when
/// a part could not be checked that should have been.
///
/// # Errors
/// When the result cannot be written.
pub async fn run(settings: Settings, output: &mut Output) -> anyhow::Result<ExitCode> {
    let (mut broker, mut database) =
        tokio::join!(broker::examine(&settings), database::examine(&settings));
    let mut findings = std::mem::take(&mut broker.findings);
    findings.append(&mut database.findings);
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    let not_checked = [broker.unchecked, database.unchecked].concat();
    let count = |severity| findings.iter().filter(|f| f.severity == severity).count();
    let (fatal, warnings) = (count(Severity::Fatal), count(Severity::Warning));
    let failed = not_checked.iter().any(|unchecked| unchecked.failed);
    let ok = fatal + warnings == 0 && !failed;
    output.result(&Report { ok, fatal, warnings, findings, not_checked }, text)?;
    Ok(match (ok, failed) {
        (true, _) => ExitCode::SUCCESS,
        (false, false) => ExitCode::from(1),
        (false, true) => ExitCode::from(2),
    })
}

fn text(report: &Report) -> Lines {
    let mut lines = Vec::new();
    for finding in &report.findings {
        let state = match finding.severity {
            Severity::Ok => "ok",
            Severity::Warning => "WARNING",
            Severity::Fatal => "FATAL",
        };
        lines.push(line([state, &finding.server.to_string(), &finding.what]));
        lines.extend(finding.remedy.iter().map(|remedy| line(["", "", remedy])));
    }
    for Unchecked { server, what, why, failed } in &report.not_checked {
        let state = if *failed { "NOT CHECKED" } else { "not checked" };
        lines.push(line([state, &server.to_string(), &format!("{what}: {why}")]));
    }
    lines
}
