//! What is known of the players, jobs and clients of a batch: one round trip.
//!
//! It locks what players own who may pay, and reads the rest, so it may see the rest as it was before it
//! waited. That is no matter: all duplicates of a job want the same goods, which are locked before this begins.
//! (A key that was used again for other goods is caught by the ledger's index.)

use crate::domain::goods::Asset;
use crate::domain::id::{ClientId, Id};
use crate::domain::state::{State, Stored};
use crate::store::error::{Result, StoreError};
use crate::store::ledger::content;
use crate::store::lock::Players;
use sqlx::PgExecutor;
use std::sync::Arc;
use time::OffsetDateTime;
use uuid::Uuid;

/// Who and what is asked for.
pub(super) struct Wanted {
    /// Players whose balances are locked.
    pub(super) paying: Players,
    /// Players who pay nothing in this batch.
    pub(super) others: Players,
    /// Jobs, by client and key.
    pub(super) jobs: (Vec<String>, Vec<Uuid>),
    pub(super) clients: Vec<String>,
}

/// A balance, a decided job or a client: what does not belong to it is null.
struct Row {
    client_id: String,
    player_id: Option<String>,
    asset: Option<String>,
    amount: Option<i64>,
    job_key: Option<Uuid>,
    content: Option<Vec<u8>>,
    accepted_at: Option<OffsetDateTime>,
    decided_at: Option<OffsetDateTime>,
    body: Option<String>,
    disabled_at: Option<OffsetDateTime>,
}

/// Locks the balances, in the order of their keys, and reads everything.
pub(super) async fn load(
    db: impl PgExecutor<'_>,
    wanted: &Wanted,
    state: &mut State,
) -> Result<()> {
    let rows = sqlx::query_as!(
        Row,
        r#"with locked as (
               select b.client_id, b.player_id, b.asset, b.amount
               from unnest($1::text[], $2::text[]) as wanted (client_id, player_id)
               join balance b on b.client_id = wanted.client_id and b.player_id = wanted.player_id
               order by b.client_id, b.player_id, b.asset
               for update of b)
           select client_id as "client_id!", player_id, asset, amount, null::uuid as job_key,
                  null::bytea as content, null::timestamptz as accepted_at,
                  null::timestamptz as decided_at, null::text as body, null::timestamptz as disabled_at
           from locked
           union all
           select b.client_id, b.player_id, b.asset, b.amount, null, null, null, null, null, null
           from unnest($3::text[], $4::text[]) as wanted (client_id, player_id)
           join balance b on b.client_id = wanted.client_id and b.player_id = wanted.player_id
           union all
           select l.client_id, null, null, null, l.job_key, l.content, l.accepted_at, l.decided_at, l.body, null
           from unnest($5::text[], $6::uuid[]) as wanted (client_id, job_key)
           join ledger l on l.client_id = wanted.client_id and l.job_key = wanted.job_key
           union all
           select c.client_id, null, null, null, null, null, null, null, null, c.disabled_at
           from client c where c.client_id = any($7)"#,
        &wanted.paying.clients,
        &wanted.paying.players,
        &wanted.others.clients,
        &wanted.others.players,
        &wanted.jobs.0,
        &wanted.jobs.1,
        &wanted.clients,
    )
    .fetch_all(db)
    .await?;
    rows.into_iter().try_for_each(|row| row.add_to(state))
}

impl Row {
    fn add_to(self, state: &mut State) -> Result<()> {
        let client = ClientId::trusted(self.client_id);
        let balance = self.player_id.zip(self.asset).zip(self.amount);
        let times = self.accepted_at.zip(self.decided_at);
        let decided = self.job_key.zip(self.content).zip(times).zip(self.body);
        match (balance, decided) {
            (Some(((player, asset), amount)), _) => {
                let unreadable =
                    |_| StoreError::Unreadable { column: "balance.asset", text: asset.clone() };
                let asset: Asset = asset.parse().map_err(unreadable)?;
                let player = (client, Id::trusted(player));
                state.players.entry(player).or_default().insert(asset, amount);
            }
            (None, Some((((key, bytes), (accepted_at, decided_at)), body))) => {
                let stored = Stored { content: content(&bytes)?, accepted_at, decided_at, body };
                state.stored_results.insert((client, key), Arc::new(stored));
            }
            (None, None) => drop(state.clients.insert(client, self.disabled_at)),
        }
        Ok(())
    }
}
