//! Step 3 of a batch: write what was decided, one row a job and one update a counter.
//!
//! What one sponsor redemption costs here: a ledger row with one index entry, and an update in
//! place of the player's balance; with a per-player limit also a usage row. Counters of goods and
//! clients are one update a batch.

use super::error::{Result, StoreError, all_changed};
use crate::domain::goods::Goods;
use crate::domain::job::Job;
use crate::domain::outcome::{Grant, Outcome};
use crate::domain::request::Request;
use crate::domain::state::{Changes, State};
use sqlx::{PgConnection, PgExecutor};
use time::OffsetDateTime;

/// One decision to be stored, with its answer.
#[derive(Debug)]
pub struct Entry<'a> {
    /// The job.
    pub job: &'a Job,
    /// Its decision.
    pub outcome: &'a Outcome,
    /// Its answer.
    pub body: &'a str,
}

/// Writes a decided batch. The caller commits.
///
/// # Errors
/// [`StoreError::Twin`] when another worker stored one of these jobs meanwhile: roll back, do the
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
    insert_ledger(&mut *db, entries, decided_at).await?;
    if !changes.granted.is_empty() {
        add_granted(&mut *db, changes).await?;
    }
    if !changes.spent.is_empty() {
        charge(&mut *db, changes).await?;
    }
    if !changes.player_usage.is_empty() {
        count_players(&mut *db, changes, state).await?;
    }
    if !changes.client_usage.is_empty() {
        count_clients(&mut *db, changes, state).await?;
    }
    if !changes.codes.is_empty() {
        grant_codes(&mut *db, changes).await?;
    }
    if !changes.used.is_empty() {
        use_coupons(&mut *db, changes).await?;
    }
    if !changes.pin_failures.is_empty() {
        insert_pin_failures(&mut *db, changes).await?;
        forget_pin_failures(&mut *db, changes).await?;
    }
    if !changes.pin_resets.is_empty() {
        forgive_pin_failures(&mut *db, changes).await?;
    }
    Ok(())
}

/// Sorted by key: two batches that hold twins in different orders would wait for each other.
async fn insert_ledger(
    db: impl PgExecutor<'_>,
    entries: &[Entry<'_>],
    decided_at: OffsetDateTime,
) -> Result<()> {
    let mut entries: Vec<&Entry<'_>> = entries.iter().collect();
    entries.sort_by_key(|entry| (entry.job.client.as_str(), entry.job.key));
    let column = |of: fn(&Entry<'_>) -> String| entries.iter().map(|e| of(e)).collect::<Vec<_>>();
    let grants: Vec<Option<&Grant>> = entries.iter().map(|entry| entry.grant()).collect();
    let clients = column(|e| e.job.client.to_string());
    let keys: Vec<_> = entries.iter().map(|e| e.job.key).collect();
    let contents: Vec<Vec<u8>> = entries.iter().map(|e| e.job.content.0.to_vec()).collect();
    let operations = column(|e| e.job.operation.as_str().to_owned());
    let accepted: Vec<_> = entries.iter().map(|e| e.job.accepted_at).collect();
    let codes = column(|e| e.outcome.code().as_str().to_owned());
    let goods: Vec<Option<i64>> = grants.iter().map(|g| g.map(|g| g.goods.row)).collect();
    let players: Vec<Option<String>> = entries.iter().map(|e| e.player()).collect();
    let granted: Vec<i64> = grants.iter().map(|g| g.map_or(0, |g| g.amount)).collect();
    let spent: Vec<Option<String>> = grants.iter().map(|g| g.and_then(spent)).collect();
    let bodies = column(|e| e.body.to_owned());
    let inserted = sqlx::query!(
        r#"insert into ledger (client_id, job_key, content, operation, accepted_at, decided_at, code,
                               goods, player_id, granted, spent, body)
           select client_id, job_key, content, operation, accepted_at, $12, code,
                  goods, player_id, granted, spent, body
           from unnest($1::text[], $2::uuid[], $3::bytea[], $4::text[], $5::timestamptz[], $6::text[],
                       $7::bigint[], $8::text[], $9::bigint[], $10::text[], $11::text[])
                as decided (client_id, job_key, content, operation, accepted_at, code,
                            goods, player_id, granted, spent, body)
           on conflict do nothing"#,
        &clients,
        &keys,
        &contents,
        &operations,
        &accepted,
        &codes,
        &goods as &[Option<i64>],
        &players as &[Option<String>],
        &granted,
        &spent as &[Option<String>],
        &bodies,
        decided_at,
    )
    .execute(db)
    .await?
    .rows_affected();
    if inserted == entries.len() as u64 { Ok(()) } else { Err(StoreError::Twin) }
}

impl Entry<'_> {
    fn grant(&self) -> Option<&Grant> {
        match self.outcome {
            Outcome::Granted(grant) => Some(grant),
            _ => None,
        }
    }

    fn player(&self) -> Option<String> {
        match &self.job.request {
            Ok(Request::Redeem(redeem)) => Some(redeem.player.to_string()),
            _ => None,
        }
    }
}

/// In the notation of a price: what the whole amount cost.
fn spent(grant: &Grant) -> Option<String> {
    let total = |(asset, each): &(_, i64)| format!("{asset}={}", each * grant.amount);
    let parts: Vec<String> = grant.goods.price.parts().iter().map(total).collect();
    (!parts.is_empty()).then(|| parts.join(";"))
}

async fn add_granted(db: impl PgExecutor<'_>, changes: &Changes) -> Result<()> {
    let (goods, units): (Vec<i64>, Vec<i64>) = changes.granted.iter().unzip();
    let changed = sqlx::query!(
        r#"update goods set granted = granted + d.units
           from unnest($1::bigint[], $2::bigint[]) as d (goods, units) where id = d.goods"#,
        &goods,
        &units,
    )
    .execute(db)
    .await?;
    all_changed("goods", goods.len(), changed.rows_affected())
}

async fn charge(db: impl PgExecutor<'_>, changes: &Changes) -> Result<()> {
    let (mut clients, mut players, mut assets) = (Vec::new(), Vec::new(), Vec::new());
    for ((client, player), asset) in changes.spent.keys() {
        clients.push(client.to_string());
        players.push(player.to_string());
        assets.push(asset.to_string());
    }
    let spent: Vec<i64> = changes.spent.values().copied().collect();
    let changed = sqlx::query!(
        r#"update balance b set amount = b.amount - d.spent
           from unnest($1::text[], $2::text[], $3::text[], $4::bigint[])
                as d (client_id, player_id, asset, spent)
           where b.client_id = d.client_id and b.player_id = d.player_id and b.asset = d.asset"#,
        &clients,
        &players,
        &assets,
        &spent,
    )
    .execute(db)
    .await?;
    all_changed("balance", spent.len(), changed.rows_affected())
}

async fn count_players(db: impl PgExecutor<'_>, changes: &Changes, state: &State) -> Result<()> {
    let (mut goods, mut clients, mut players) = (Vec::new(), Vec::new(), Vec::new());
    for (row, (client, player)) in changes.player_usage.keys() {
        goods.push(*row);
        clients.push(client.to_string());
        players.push(player.to_string());
    }
    let caps: Vec<i64> = goods.iter().map(|row| cap(state, *row, |g| g.per_player)).collect();
    let units: Vec<i64> = changes.player_usage.values().copied().collect();
    sqlx::query!(
        r#"insert into player_usage as u (client_id, goods, player_id, granted, cap)
           select * from unnest($1::text[], $2::bigint[], $3::text[], $4::bigint[], $5::bigint[])
           on conflict (client_id, goods, player_id)
           do update set granted = u.granted + excluded.granted, cap = excluded.cap"#,
        &clients,
        &goods,
        &players,
        &units,
        &caps,
    )
    .execute(db)
    .await?;
    Ok(())
}

async fn count_clients(db: impl PgExecutor<'_>, changes: &Changes, state: &State) -> Result<()> {
    let (goods, clients): (Vec<i64>, Vec<String>) =
        changes.client_usage.keys().map(|(row, client)| (*row, client.to_string())).unzip();
    let caps: Vec<i64> = goods.iter().map(|row| cap(state, *row, |g| g.per_client)).collect();
    let units: Vec<i64> = changes.client_usage.values().copied().collect();
    sqlx::query!(
        r#"insert into client_usage as u (client_id, goods, granted, cap)
           select * from unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[])
           on conflict (client_id, goods)
           do update set granted = u.granted + excluded.granted, cap = excluded.cap"#,
        &clients,
        &goods,
        &units,
        &caps,
    )
    .execute(db)
    .await?;
    Ok(())
}

fn cap(state: &State, goods: i64, of: fn(&Goods) -> Option<i64>) -> i64 {
    state.goods.get(&goods).and_then(|goods| of(goods)).unwrap_or(i64::MAX)
}

async fn grant_codes(db: impl PgExecutor<'_>, changes: &Changes) -> Result<()> {
    let goods: Vec<i64> = changes.codes.iter().map(|c| c.goods).collect();
    let codes: Vec<String> = changes.codes.iter().map(|c| c.code.to_string()).collect();
    let keys: Vec<_> = changes.codes.iter().map(|c| c.key).collect();
    let clients: Vec<String> = changes.codes.iter().map(|c| c.holder.0.to_string()).collect();
    let players: Vec<String> = changes.codes.iter().map(|c| c.holder.1.to_string()).collect();
    let until: Vec<Option<OffsetDateTime>> = changes.codes.iter().map(|c| c.valid_until).collect();
    let changed = sqlx::query!(
        r#"update coupon c set job_key = d.job_key, holder_client = d.client_id,
                               holder_player = d.player_id, valid_until = d.valid_until
           from unnest($1::bigint[], $2::text[], $3::uuid[], $4::text[], $5::text[], $6::timestamptz[])
                as d (goods, code, job_key, client_id, player_id, valid_until)
           where c.goods = d.goods and c.code = d.code and c.job_key is null"#,
        &goods,
        &codes,
        &keys,
        &clients,
        &players,
        &until as &[Option<OffsetDateTime>],
    )
    .execute(db)
    .await?;
    all_changed("coupon", codes.len(), changed.rows_affected())
}

async fn use_coupons(db: impl PgExecutor<'_>, changes: &Changes) -> Result<()> {
    let goods: Vec<i64> = changes.used.iter().map(|u| u.goods).collect();
    let codes: Vec<String> = changes.used.iter().map(|u| u.code.to_string()).collect();
    let keys: Vec<_> = changes.used.iter().map(|u| u.key).collect();
    let branches: Vec<i64> = changes.used.iter().map(|u| u.branch).collect();
    let at: Vec<OffsetDateTime> = changes.used.iter().map(|u| u.at).collect();
    let changed = sqlx::query!(
        r#"update coupon c set used_key = d.used_key, used_branch = d.branch, used_at = d.used_at
           from unnest($1::bigint[], $2::text[], $3::uuid[], $4::bigint[], $5::timestamptz[])
                as d (goods, code, used_key, branch, used_at)
           where c.goods = d.goods and c.code = d.code and c.used_key is null"#,
        &goods,
        &codes,
        &keys,
        &branches,
        &at,
    )
    .execute(db)
    .await?;
    all_changed("coupon", codes.len(), changed.rows_affected())
}

async fn insert_pin_failures(db: impl PgExecutor<'_>, changes: &Changes) -> Result<()> {
    let failed = &changes.pin_failures;
    let clients: Vec<String> = failed.iter().map(|f| f.client.to_string()).collect();
    let goods: Vec<i64> = failed.iter().map(|f| f.goods).collect();
    let keys: Vec<_> = failed.iter().map(|f| f.key).collect();
    let at: Vec<OffsetDateTime> = failed.iter().map(|f| f.failure.at).collect();
    let codes: Vec<String> = failed.iter().map(|f| f.failure.code.to_string()).collect();
    let forgiven: Vec<bool> = failed.iter().map(|f| f.failure.forgiven).collect();
    sqlx::query!(
        r#"insert into pin_failure (client_id, goods, failed_at, job_key, code, forgiven)
           select * from unnest($1::text[], $2::bigint[], $3::timestamptz[], $4::uuid[], $5::text[], $6::bool[])"#,
        &clients,
        &goods,
        &at,
        &keys,
        &codes,
        &forgiven,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// What is a day older than what is judged now can't count any more.
async fn forget_pin_failures(db: impl PgExecutor<'_>, changes: &Changes) -> Result<()> {
    let failed = &changes.pin_failures;
    let clients: Vec<String> = failed.iter().map(|f| f.client.to_string()).collect();
    let goods: Vec<i64> = failed.iter().map(|f| f.goods).collect();
    let Some(earliest) = failed.iter().map(|f| f.failure.at).min() else { return Ok(()) };
    sqlx::query!(
        r#"delete from pin_failure f using unnest($1::text[], $2::bigint[]) as d (client_id, goods)
           where f.client_id = d.client_id and f.goods = d.goods and f.failed_at < $3::timestamptz - interval '1 day'"#,
        &clients,
        &goods,
        earliest,
    )
    .execute(db)
    .await?;
    Ok(())
}

async fn forgive_pin_failures(db: impl PgExecutor<'_>, changes: &Changes) -> Result<()> {
    let mut clients = Vec::new();
    let (mut goods, mut codes) = (Vec::new(), Vec::new());
    for (client, row, code) in &changes.pin_resets {
        clients.push(client.to_string());
        goods.push(*row);
        codes.push(code.to_string());
    }
    sqlx::query!(
        r#"update pin_failure f set forgiven = true
           from unnest($1::text[], $2::bigint[], $3::text[]) as d (client_id, goods, code)
           where f.client_id = d.client_id and f.goods = d.goods and f.code = d.code and not f.forgiven"#,
        &clients,
        &goods,
        &codes,
    )
    .execute(db)
    .await?;
    Ok(())
}
