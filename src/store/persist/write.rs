//! The ledger rows, and all that is counted: one guarded update a row, whatever the number of jobs, and
//! one statement for all of them, which is one round trip. The counted rows lie below the locks of goods and
//! balances, so that the order in which it comes to them is no matter.

use super::counters::{Granted, Spent, Usage};
use super::entries::LedgerRows;
use crate::store::error::{Result, StoreError, all_changed};
use sqlx::PgExecutor;
use time::OffsetDateTime;

/// What a batch adds to ledger, counters and balances.
pub(super) struct BatchWrite {
    pub(super) rows: LedgerRows,
    pub(super) granted: Granted,
    pub(super) spent: Spent,
    pub(super) of_players: Usage,
    pub(super) of_clients: Usage,
}

impl BatchWrite {
    /// Writes it. A ledger row that is there already is another worker's of just now.
    pub(super) async fn write(
        &self,
        db: impl PgExecutor<'_>,
        decided_at: OffsetDateTime,
    ) -> Result<()> {
        let Self { rows, granted, spent, of_players, of_clients } = self;
        let changed = sqlx::query!(
            r#"with stored as (
                   insert into ledger (client_id, job_key, content, operation, accepted_at, decided_at, code,
                                       goods, player_id, granted, spent, body)
                   select client_id, job_key, content, operation, accepted_at, $1, code,
                          goods, player_id, granted, spent, body
                   from unnest($2::text[], $3::uuid[], $4::bytea[], $5::text[], $6::timestamptz[], $7::text[],
                               $8::bigint[], $9::text[], $10::bigint[], $11::text[], $12::text[])
                        as decided (client_id, job_key, content, operation, accepted_at, code,
                                    goods, player_id, granted, spent, body)
                   on conflict do nothing
                   returning 1),
               counted as (
                   update goods set granted = granted + d.units
                   from unnest($13::bigint[], $14::bigint[]) as d (goods, units) where id = d.goods
                   returning 1),
               charged as (
                   update balance b set amount = b.amount - d.spent
                   from unnest($15::text[], $16::text[], $17::text[], $18::bigint[])
                        as d (client_id, player_id, asset, spent)
                   where b.client_id = d.client_id and b.player_id = d.player_id and b.asset = d.asset
                   returning 1),
               of_players as (
                   insert into player_usage as u (client_id, goods, player_id, granted, cap)
                   select * from unnest($19::text[], $20::bigint[], $21::text[], $22::bigint[], $23::bigint[])
                   on conflict (client_id, goods, player_id)
                   do update set granted = u.granted + excluded.granted, cap = excluded.cap),
               of_clients as (
                   insert into client_usage as u (client_id, goods, granted, cap)
                   select * from unnest($24::text[], $25::bigint[], $26::bigint[], $27::bigint[])
                   on conflict (client_id, goods)
                   do update set granted = u.granted + excluded.granted, cap = excluded.cap)
               select (select count(*) from stored) as "stored!",
                      (select count(*) from counted) as "goods!",
                      (select count(*) from charged) as "balances!""#,
            decided_at,
            &rows.clients,
            &rows.keys,
            &rows.contents,
            &rows.operations,
            &rows.accepted,
            &rows.codes,
            &rows.goods as &[Option<i64>],
            &rows.players as &[Option<String>],
            &rows.granted,
            &rows.spent as &[Option<String>],
            &rows.bodies,
            &granted.goods,
            &granted.units,
            &spent.clients,
            &spent.players,
            &spent.assets,
            &spent.amounts,
            &of_players.clients,
            &of_players.goods,
            &of_players.players,
            &of_players.units,
            &of_players.caps,
            &of_clients.clients,
            &of_clients.goods,
            &of_clients.units,
            &of_clients.caps,
        )
        .fetch_one(db)
        .await?;
        if changed.stored as usize != rows.keys.len() {
            return Err(StoreError::Duplicate);
        }
        all_changed("goods", granted.goods.len(), changed.goods as u64)?;
        all_changed("balance", spent.amounts.len(), changed.balances as u64)
    }
}
