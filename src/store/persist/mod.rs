//! Step 3 of a batch: write what was decided, one row a job and one update a counter.
//!
//! What one sponsor redemption costs here: a ledger row with one index entry, and an update in
//! place of the player's balance; with a per-player limit also a usage row. Counters of goods and
//! clients are one update a batch.

mod counters;
mod coupons;
mod entries;
mod pins;
mod write;

pub use entries::Entry;

use super::error::Result;
use crate::domain::state::{Changes, State};
use counters::{Granted, Spent, Usage};
use entries::LedgerRows;
use sqlx::PgConnection;
use time::OffsetDateTime;
use write::BatchWrite;

/// Writes a decided batch. The caller commits.
///
/// # Errors
/// [`super::StoreError::Duplicate`] when another worker stored one of these jobs meanwhile: roll back, do the
/// batch again. Any other: roll back as well.
pub async fn persist(
    db: &mut PgConnection,
    entries: &[Entry<'_>],
    changes: &Changes,
    state: &State,
    decided_at: OffsetDateTime,
) -> Result<()> {
    if entries.is_empty() {
        return Ok(());
    }
    let batch = BatchWrite {
        rows: LedgerRows::of(entries),
        granted: Granted::of(changes),
        spent: Spent::of(changes),
        of_players: Usage::of_players(changes, state),
        of_clients: Usage::of_clients(changes, state),
    };
    batch.write(&mut *db, decided_at).await?;
    if !changes.codes.is_empty() {
        coupons::grant_codes(&mut *db, changes).await?;
    }
    if !changes.used.is_empty() {
        coupons::use_coupons(&mut *db, changes).await?;
    }
    if !changes.pin_failures.is_empty() {
        pins::insert_pin_failures(&mut *db, changes).await?;
        pins::forget_pin_failures(&mut *db, changes).await?;
    }
    if !changes.pin_resets.is_empty() {
        pins::forgive_pin_failures(&mut *db, changes).await?;
    }
    Ok(())
}
