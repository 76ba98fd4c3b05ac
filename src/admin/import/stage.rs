//! From the file into the temporary table, a piece at a time: a thread reads, while what it has read
//! before is on its way to the database.

use super::report::{BadRow, Tally};
use super::sheet::{Row, Sheet};
use crate::progress::{Progress, Unit};
use crate::store::imports::{self, CopyText, Staged};
use anyhow::Context as _;
use sqlx::PgConnection;
use tokio::sync::mpsc;

const PIECE_BYTES: usize = 64 * 1024;
/// Pieces that may wait for the database.
const PIECES_WAITING: usize = 4;

enum Piece {
    Rows(Vec<u8>),
    Bad(BadRow),
    Warned(BadRow),
}

struct Count {
    rows: u64,
    staged: i64,
}

/// Stages the good rows, tallies the bad ones, and says how many were staged.
pub(super) async fn stage<S: Staged>(
    db: &mut PgConnection,
    sheet: Sheet,
    parse: fn(&Row<'_>) -> Result<S, String>,
    tally: &mut Tally<'_>,
) -> anyhow::Result<i64> {
    let progress = tally.progress("reading", Unit::Bytes, sheet.size);
    imports::create::<S>(&mut *db).await?;
    let mut copy = imports::copy::<S>(db).await?;
    let (pieces, mut arriving) = mpsc::channel(PIECES_WAITING);
    let position = progress.clone();
    let reader = tokio::task::spawn_blocking(move || read(sheet, parse, &pieces, &position));
    while let Some(piece) = arriving.recv().await {
        match piece {
            Piece::Rows(bytes) => _ = copy.send(bytes).await?,
            Piece::Bad(row) => tally.bad(row, &progress),
            Piece::Warned(row) => tally.warn(row, &progress),
        }
    }
    let count = match reader.await? {
        Ok(count) => count,
        Err(error) => {
            copy.abort("cannot read the file").await?;
            return Err(error).context("nothing was imported");
        }
    };
    copy.finish().await?;
    progress.finish();
    tally.read(count.rows);
    Ok(count.staged)
}

/// Ends early when the receiver is gone.
fn read<S: Staged>(
    mut sheet: Sheet,
    parse: fn(&Row<'_>) -> Result<S, String>,
    pieces: &mpsc::Sender<Piece>,
    position: &Progress,
) -> anyhow::Result<Count> {
    let mut count = Count { rows: 0, staged: 0 };
    let mut text = CopyText::default();
    while let Some((line, row)) = sheet.next()? {
        count.rows += 1;
        let sent = match row.and_then(|row| Ok((parse(&row)?, row.damage()))) {
            Ok((row, damage)) => {
                count.staged += 1;
                text.row(count.staged, line, &row);
                let warning = damage.map(|reason| Piece::Warned(BadRow { line, reason }));
                warning.is_none_or(|warning| pieces.blocking_send(warning).is_ok())
                    && (text.len() < PIECE_BYTES
                        || pieces.blocking_send(Piece::Rows(text.take())).is_ok())
            }
            Err(reason) => pieces.blocking_send(Piece::Bad(BadRow { line, reason })).is_ok(),
        };
        if !sent {
            return Ok(count);
        }
        if text.is_empty() {
            position.set(sheet.position());
        }
    }
    if !text.is_empty() {
        _ = pieces.blocking_send(Piece::Rows(text.take()));
    }
    Ok(count)
}
