//! Imports: a CSV file is read row by row, its good rows are staged by COPY, and these are
//! applied in chunks. A bad row is reported with its line and does not stop the others; running the file
//! again adds only what is missing.

mod blanks;
mod catalogue;
pub mod coupons;
mod damage;
mod field;
mod fold;
mod format;
pub mod goods;
mod header;
pub mod players;
mod quoting;
mod report;
mod sheet;
mod source;
mod stage;

use super::operator::Operator;
use super::output::Output;
use crate::progress::{Progress, Unit};
use crate::store::audit_log::Change;
use crate::store::imports::{self, Chunk, Staged};
use anyhow::Context as _;
use report::{Applied, BadRow, Tally};
use serde_json::json;
use sheet::{Row, Sheet};
use sqlx::{Connection as _, PgConnection};
use std::process::ExitCode;

trait Import: Sync {
    type Row: Staged;

    /// The command, for the log of operators.
    const WHAT: &'static str;

    /// What is imported into, for the log of operators.
    fn subject(&self) -> String;

    /// Reads a row.
    ///
    /// # Errors
    /// Why it is bad, for people.
    fn parse(row: &Row<'_>) -> Result<Self::Row, String>;

    /// Applies a chunk of staged rows. The caller commits.
    fn apply(
        &self,
        db: &mut PgConnection,
        chunk: Chunk,
    ) -> impl Future<Output = anyhow::Result<Applied>> + Send;

    /// The rows of a chunk whose key stands in the file before, where [`Self::apply`] does not tell them.
    fn repeats(
        &self,
        db: &mut PgConnection,
        chunk: Chunk,
    ) -> impl Future<Output = anyhow::Result<Vec<BadRow>>> + Send;
}

async fn run<I: Import>(
    import: &I,
    sheet: Sheet,
    operator: &Operator,
    output: &mut Output,
) -> anyhow::Result<ExitCode> {
    // Not given back to the pool: the temporary table goes with the session.
    let mut db = operator.store.acquire().await?.detach();
    let mut tally = Tally::new(output);
    let staged = stage::stage(&mut db, sheet, I::parse, &mut tally).await?;
    let progress = tally.progress("importing", Unit::Pieces("rows"), staged as u64);
    apply(import, &mut db, staged, operator, &mut tally, &progress).await.with_context(|| {
        format!(
            "stopped after {} of {staged} rows, which stay imported: run the import again for the rest",
            progress.done()
        )
    })?;
    progress.finish();
    db.close().await?;
    tally.finish()
}

async fn apply<I: Import>(
    import: &I,
    db: &mut PgConnection,
    staged: i64,
    operator: &Operator,
    tally: &mut Tally<'_>,
    progress: &Progress,
) -> anyhow::Result<()> {
    imports::analyze::<I::Row>(&mut *db).await?;
    for chunk in Chunk::all(staged) {
        let mut transaction = db.begin().await?;
        let mut applied = import.apply(&mut transaction, chunk).await?;
        if applied.added + applied.updated > 0 {
            let after = json!({"added": applied.added, "updated": applied.updated});
            let subject = import.subject();
            operator.log(&mut transaction, Change::to(I::WHAT, &subject, after)).await?;
        }
        transaction.commit().await?;
        // Where every row was new, none was there before.
        if applied.added < chunk.rows() {
            applied.refuse(import.repeats(&mut *db, chunk).await?);
        }
        progress.set(chunk.upto as u64);
        tally.applied(chunk, applied, progress);
    }
    Ok(())
}
