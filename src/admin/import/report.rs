//! What an import came to.

use crate::admin::output::{Output, line};
use crate::progress::{Progress, Unit};
use crate::store::imports::Chunk;
use crate::store::imports::repeats::Repeat;
use serde::Serialize;
use std::collections::HashSet;
use std::process::ExitCode;

/// Most bad rows, and most warnings, that are kept for the JSON report; the others are only counted.
const BAD_KEPT_MAX: usize = 1_000;

/// What became of the rows of a chunk; the remaining ones were there already.
#[derive(Debug, Default)]
pub(super) struct Applied {
    pub(super) added: i64,
    pub(super) updated: i64,
    pub(super) refused: Vec<BadRow>,
}

impl Applied {
    /// These reasons stand before others of the same rows.
    pub(super) fn refuse(&mut self, rows: Vec<BadRow>) {
        let lines: HashSet<u64> = rows.iter().map(|row| row.line).collect();
        self.refused.retain(|row| !lines.contains(&row.line));
        self.refused.extend(rows);
        self.refused.sort_by_key(|row| row.line);
    }
}

/// A row that was left out, or one that was taken and may be wrong.
#[derive(Debug, Serialize)]
pub(super) struct BadRow {
    pub(super) line: u64,
    /// Names the column, and repeats nothing of a file of codes.
    pub(super) reason: String,
}

impl BadRow {
    pub(super) fn repeats(repeats: Vec<Repeat>, what: &str) -> Vec<Self> {
        let told = |Repeat { line, first_line }| Self {
            line: line as u64,
            reason: format!("{what} on line {first_line} already"),
        };
        repeats.into_iter().map(told).collect()
    }
}

#[derive(Debug, Default, Serialize)]
struct Report {
    rows: u64,
    added: i64,
    updated: i64,
    unchanged: i64,
    bad_rows: u64,
    bad: Vec<BadRow>,
    /// Taken, but a spreadsheet may have changed them.
    warned_rows: u64,
    warnings: Vec<BadRow>,
}

/// Counts along, and reports bad rows to people as they are found.
pub(super) struct Tally<'a> {
    output: &'a mut Output,
    report: Report,
}

impl<'a> Tally<'a> {
    pub(super) fn new(output: &'a mut Output) -> Self {
        Self { output, report: Report::default() }
    }

    pub(super) fn progress(&self, doing: &'static str, unit: Unit, total: u64) -> Progress {
        self.output.progress(doing, unit, total)
    }

    pub(super) fn read(&mut self, rows: u64) {
        self.report.rows = rows;
    }

    pub(super) fn applied(&mut self, chunk: Chunk, applied: Applied, progress: &Progress) {
        let Applied { added, updated, refused } = applied;
        self.report.added += added;
        self.report.updated += updated;
        self.report.unchanged += chunk.rows() - added - updated - refused.len() as i64;
        for row in refused {
            self.bad(row, progress);
        }
    }

    pub(super) fn bad(&mut self, row: BadRow, progress: &Progress) {
        self.report.bad_rows += 1;
        if !self.output.is_json() {
            progress.suspend(|| self.output.remark(&format!("line {}: {}", row.line, row.reason)));
        } else if self.report.bad.len() < BAD_KEPT_MAX {
            self.report.bad.push(row);
        }
    }

    pub(super) fn warn(&mut self, row: BadRow, progress: &Progress) {
        self.report.warned_rows += 1;
        if !self.output.is_json() {
            let warning = format!("line {}: warning: {}", row.line, row.reason);
            progress.suspend(|| self.output.remark(&warning));
        } else if self.report.warnings.len() < BAD_KEPT_MAX {
            self.report.warnings.push(row);
        }
    }

    pub(super) fn finish(self) -> anyhow::Result<ExitCode> {
        let Self { output, mut report } = self;
        report.bad.sort_by_key(|row| row.line);
        output.result(&report, |report| {
            let mut lines = vec![
                line(["rows", &report.rows.to_string()]),
                line(["added", &report.added.to_string()]),
                line(["updated", &report.updated.to_string()]),
                line(["unchanged", &report.unchanged.to_string()]),
                line(["bad", &report.bad_rows.to_string()]),
            ];
            if report.warned_rows > 0 {
                lines.push(line(["warnings", &report.warned_rows.to_string()]));
            }
            lines
        })?;
        Ok(if report.bad_rows == 0 { ExitCode::SUCCESS } else { ExitCode::from(1) })
    }
}
