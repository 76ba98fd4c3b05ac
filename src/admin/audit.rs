//! `redeemq audit`: a line for each thing that should hold, and examples of what doesn't.

use super::output::{Lines, Output, line};
use crate::store::audit::{self as books};
pub use crate::store::audit::{Finding, Report, Totals};
use sqlx::PgPool;
use std::process::ExitCode;

/// Audits the books in one snapshot; for the metric that shows drift as well as for people.
///
/// # Errors
/// When the database can't be asked. What is broken stands in the report.
pub async fn audit(pool: &PgPool) -> anyhow::Result<Report> {
    Ok(books::audit(pool).await?)
}

pub(super) async fn run(pool: &PgPool, output: &mut Output) -> anyhow::Result<ExitCode> {
    let report = audit(pool).await?;
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
