//! How large the ledger is, and how fast it grows.

use super::finding::Examination;
use crate::store::Result;
use crate::store::health;
use sqlx::PgExecutor;

/// Decisions from which on their own size tells more than [`USUAL_BYTES`].
const TELLING: i64 = 10_000;
/// Bytes of a decision with its index entries, as measured with sponsor redemptions.
const USUAL_BYTES: i64 = 800;
/// Decisions from which on their index is so large that a batch finds few of its pages logged before.
const LARGE: i64 = 1_000_000;
/// Below this, a few thousand decisions a second force a checkpoint every minute or two.
const LOG_BYTES_MIN: i64 = 4 << 30;

/// Reports what a million redemptions take on disk, and whether the write-ahead log is large enough for
/// their load.
pub(super) async fn examine(examined: &mut Examination, db: impl PgExecutor<'_>) -> Result<()> {
    let Some(ledger) = health::ledger_size(db).await? else { return Ok(()) };
    let (rows, bytes) = (ledger.decisions, ledger.bytes);
    let each = if rows >= TELLING { bytes / rows } else { USUAL_BYTES };
    examined.ok(format!(
        "the ledger holds about {rows} decisions in {} MB; a million more take {each} MB, which are kept for ever",
        bytes / 1_000_000
    ));
    if rows >= LARGE && ledger.log_bytes_max < LOG_BYTES_MIN {
        let what = format!(
            "max_wal_size is {} MB: under load a checkpoint comes every minute or two, and after each every page of the ledger's index is logged whole when it is first touched",
            ledger.log_bytes_max >> 20
        );
        examined.warning(what, "Set max_wal_size to 4GB or more and checkpoint_timeout to 15min or more in postgresql.conf (or with `alter system`) and reload; recovery after a crash takes longer by as much");
    }
    Ok(())
}
