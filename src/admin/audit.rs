//! `redeemq audit`: a line for each thing that should hold, and examples of what doesn't.

use super::output::{Lines, Output, line};
use crate::store::audit;
pub use crate::store::audit::{Finding, Report, Totals};
use crate::wire;
use sqlx::PgPool;
use std::process::ExitCode;
use std::time::Duration;

/// Audits again and again, for the metrics that show drift.
pub async fn watch(pool: PgPool, every: Duration) {
    loop {
        match audit::audit(&pool).await {
            Ok(report) => {
                let broken: Vec<_> = report.checks.iter().filter(|check| !check.ok).collect();
                for check in &broken {
                    tracing::error!(
                        check = check.check,
                        "the ledger does not add up: run `redeemq audit` for examples"
                    );
                }
                let rows: i64 = broken.iter().map(|check| check.broken).sum();
                metrics::gauge!("redeemq_audit_rows_broken").set(rows as f64);
                metrics::gauge!("redeemq_audit_broken").set(broken.len() as f64);
                metrics::gauge!("redeemq_audit_failing").set(0.0);
                let now = wire::now().unix_timestamp() as f64;
                metrics::gauge!("redeemq_audit_finished_timestamp_seconds").set(now);
            }
            Err(error) => {
                tracing::warn!(%error, "the audit failed: check the database");
                metrics::gauge!("redeemq_audit_failing").set(1.0);
            }
        }
        tokio::time::sleep(every).await;
    }
}

pub(super) async fn run(pool: &PgPool, output: &mut Output) -> anyhow::Result<ExitCode> {
    let report = audit::audit(pool).await?;
    output.result(&report, text)?;
    Ok(if report.ok { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

fn text(report: &Report) -> Lines {
    let mut lines = Vec::new();
    for finding in &report.checks {
        let state = if finding.ok { "ok" } else { "BROKEN" };
        lines.push(line([state, finding.promise, finding.check]));
        let examples = finding.examples.iter().map(|example| line(["", "", example]));
        lines.extend(examples);
        let more = finding.broken - finding.examples.len() as i64;
        if more > 0 {
            lines.push(line(["", "", &format!("and {more} more")]));
        }
    }
    let Totals { clients, goods, ledger_rows, granted, codes, codes_issued, codes_used, players } =
        &report.totals;
    let totals = format!(
        "{ledger_rows} decisions granted {granted} units; {codes_issued} of {codes} codes issued, \
         {codes_used} used; {goods} goods, {clients} clients, {players} players"
    );
    lines.push(vec![totals]);
    lines
}
