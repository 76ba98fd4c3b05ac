//! Imports: the good rows of a file go into a temporary table by COPY, and from there chunk by chunk
//! into the tables. Each chunk is a transaction, which holds its locks only briefly.
//!
//! The temporary table shadows an empty one of the same name, against which the statements are
//! checked at compile time (`migrations/0002_imports.sql`).

pub mod coupons;
pub mod fold;
pub mod goods;
pub mod players;
pub mod repeats;

use super::error::Result;
use sqlx::postgres::PgCopyIn;
use sqlx::{AssertSqlSafe, PgConnection};
use std::fmt::Write as _;
use time::{OffsetDateTime, UtcOffset};

/// Most rows that one transaction writes: at this size a hot row is held for some tenths of a second.
pub const CHUNK_ROWS: i64 = 5_000;

/// A row of a file, found good, on its way into its temporary table.
pub trait Staged: Send + 'static {
    const TABLE: &'static str;
    /// Its columns behind `place` and `line`, parted by commas.
    const COLUMNS: &'static str;
    /// Those of which no two rows of a file may have the same.
    const KEY: &'static [&'static str];

    /// Writes these columns in this order.
    fn copy(&self, text: &mut CopyText);
}

/// Rows of a temporary table by their places.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chunk {
    /// The last place before it.
    pub after: i64,
    pub upto: i64,
}

impl Chunk {
    /// Cuts places 1 to `rows`.
    pub fn all(rows: i64) -> impl Iterator<Item = Chunk> {
        (0..rows)
            .step_by(CHUNK_ROWS as usize)
            .map(move |after| Chunk { after, upto: rows.min(after + CHUNK_ROWS) })
    }

    pub fn rows(self) -> i64 {
        self.upto - self.after
    }
}

/// Makes the session's own table. The session must be closed at the end, or the next import in it
/// would find the table there.
pub async fn create<S: Staged>(db: &mut PgConnection) -> Result<()> {
    let sql = format!("create temporary table {0} (like {0} including indexes)", S::TABLE);
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(db).await?;
    Ok(())
}

/// Opens it for [`CopyText`]. Finish or abort what comes back.
pub async fn copy<S: Staged>(db: &mut PgConnection) -> Result<PgCopyIn<&mut PgConnection>> {
    let sql = format!("copy {} (place, line, {}) from stdin", S::TABLE, S::COLUMNS);
    Ok(db.copy_in_raw(&sql).await?)
}

/// Tells the planner how large the table has become: no one else looks at temporary tables.
pub async fn analyze<S: Staged>(db: &mut PgConnection) -> Result<()> {
    sqlx::raw_sql(AssertSqlSafe(format!("analyze {}", S::TABLE))).execute(db).await?;
    Ok(())
}

/// Rows in the text format of COPY.
#[derive(derive_more::Debug, Default)]
pub struct CopyText(#[debug("***")] String);

impl CopyText {
    pub fn row<S: Staged>(&mut self, place: i64, line: u64, row: &S) {
        _ = write!(self.0, "{place}\t{line}");
        row.copy(self);
        self.0.push('\n');
    }

    pub fn text(&mut self, text: Option<&str>) {
        let Some(text) = text else { return self.null() };
        self.0.push('\t');
        for c in text.chars() {
            match c {
                '\\' => self.0.push_str("\\\\"),
                '\t' => self.0.push_str("\\t"),
                '\n' => self.0.push_str("\\n"),
                '\r' => self.0.push_str("\\r"),
                _ => self.0.push(c),
            }
        }
    }

    /// Adds a field for a whole number.
    pub fn whole(&mut self, number: Option<i64>) {
        match number {
            Some(number) => _ = write!(self.0, "\t{number}"),
            None => self.null(),
        }
    }

    /// Adds a field for a time, in microseconds.
    pub fn time(&mut self, at: Option<OffsetDateTime>) {
        let Some(at) = at.map(|at| at.to_offset(UtcOffset::UTC)) else { return self.null() };
        let (date, (hour, minute, second, micros)) = (at.date(), at.to_hms_micro());
        _ = write!(self.0, "\t{date} {hour:02}:{minute:02}:{second:02}.{micros:06}+00");
    }

    /// Adds a field without a value.
    pub fn null(&mut self) {
        self.0.push_str("\t\\N");
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.0).into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    #[test]
    fn chunks_cover_every_place_once() {
        let cut = |rows| Chunk::all(rows).map(|c| (c.after, c.upto)).collect::<Vec<_>>();
        assert_eq!(cut(0), []);
        assert_eq!(cut(1), [(0, 1)]);
        assert_eq!(cut(5_000), [(0, 5_000)]);
        assert_eq!(cut(10_001), [(0, 5_000), (5_000, 10_000), (10_000, 10_001)]);
    }

    #[test]
    fn what_copy_would_read_as_something_else_is_escaped() {
        let mut text = CopyText::default();
        text.text(Some("a\\N\tb\r\n\\."));
        text.text(None);
        text.whole(Some(-1));
        text.time(Some(datetime!(2026-01-02 03:04:05.678901234 -1)));
        let bytes = text.take();
        assert_eq!(
            String::from_utf8_lossy(&bytes),
            "\ta\\\\N\\tb\\r\\n\\\\.\t\\N\t-1\t2026-01-02 04:04:05.678901+00"
        );
    }
}
