//! What players own, added once for each import, player and asset.

use super::{Chunk, CopyText, Staged};
use crate::domain::goods::Asset;
use crate::domain::id::{ClientId, Id};
use crate::store::error::Result;
use sqlx::PgExecutor;

/// A row of the file.
#[derive(Debug)]
pub struct StagedPlayer {
    pub player: Id,
    pub asset: Asset,
    /// How much is added; 0 makes the player known.
    pub amount: i64,
}

impl Staged for StagedPlayer {
    const TABLE: &'static str = "staged_player";
    const COLUMNS: &'static str = "player_id, asset, amount";
    const KEY: &'static [&'static str] = &["player_id", "asset"];

    fn copy(&self, text: &mut CopyText) {
        text.text(Some(self.player.as_str()));
        text.text(Some(&self.asset.to_string()));
        text.whole(Some(self.amount));
    }
}

/// A row that the same import added before with another amount.
#[derive(Debug)]
pub struct Conflict {
    pub line: i64,
    pub added: i64,
}

/// Adds the rows of the chunk that this import has not added yet, to the imports and to the balances;
/// says how many. Two imports wait for each other instead of adding twice; and since both tables are
/// written in the order in which workers lock balances, there is no deadlock.
pub async fn add(
    db: impl PgExecutor<'_>,
    client: &ClientId,
    import: &Id,
    chunk: Chunk,
) -> Result<i64> {
    let added = sqlx::query!(
        r#"with added as (
               insert into player_import (client_id, import_id, player_id, asset, amount)
               select $1, $2, player_id, asset, amount from staged_player
               where place > $3 and place <= $4
               order by player_id, asset, place
               on conflict do nothing
               returning player_id, asset, amount)
           insert into balance as b (client_id, player_id, asset, amount)
           select $1, player_id, asset, amount from added order by player_id, asset
           on conflict (client_id, player_id, asset)
           do update set amount = b.amount + excluded.amount"#,
        client.as_str(),
        import.as_str(),
        chunk.after,
        chunk.upto,
    )
    .execute(db)
    .await?;
    Ok(added.rows_affected() as i64)
}

/// The rows of the chunk that were added with another amount; looked up one by one, as in
/// [`super::coupons::conflicts`].
pub async fn conflicts(
    db: impl PgExecutor<'_>,
    client: &ClientId,
    import: &Id,
    chunk: Chunk,
) -> Result<Vec<Conflict>> {
    Ok(sqlx::query_as!(
        Conflict,
        r#"select s.line, i.amount as added
           from staged_player s
           cross join lateral (select i.amount from player_import i
                               where i.client_id = $1 and i.import_id = $2
                                 and i.player_id = s.player_id and i.asset = s.asset offset 0) as i
           where s.place > $3 and s.place <= $4 and i.amount <> s.amount
           order by s.place"#,
        client.as_str(),
        import.as_str(),
        chunk.after,
        chunk.upto,
    )
    .fetch_all(db)
    .await?)
}
