//! Counters and balances: one guarded update a row, whatever the number of jobs.

use crate::domain::goods::Goods;
use crate::domain::state::{Changes, State};
use crate::store::error::{Result, all_changed};
use sqlx::PgExecutor;

pub(super) async fn add_granted(db: impl PgExecutor<'_>, changes: &Changes) -> Result<()> {
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

pub(super) async fn charge(db: impl PgExecutor<'_>, changes: &Changes) -> Result<()> {
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

pub(super) async fn count_players(
    db: impl PgExecutor<'_>,
    changes: &Changes,
    state: &State,
) -> Result<()> {
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

pub(super) async fn count_clients(
    db: impl PgExecutor<'_>,
    changes: &Changes,
    state: &State,
) -> Result<()> {
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
