//! Rows that belong to goods: usage, coupons, branches, wrong PINs. The lock of the goods protects
//! them, and was taken before.

use crate::domain::decide::PIN_WINDOW;
use crate::domain::id::{ClientId, Id};
use crate::domain::state::{Branch, Coupon, PinFailure, Player};
use crate::store::error::Result;
use sqlx::PgExecutor;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use time::OffsetDateTime;

/// Units granted by goods and player.
pub(super) async fn player_usage(
    db: impl PgExecutor<'_>,
    wanted: &BTreeSet<(i64, Player)>,
) -> Result<HashMap<(i64, Player), i64>> {
    let (goods, players): (Vec<i64>, Vec<&Player>) = wanted.iter().map(|(g, p)| (*g, p)).unzip();
    let (clients, players): (Vec<String>, Vec<String>) =
        players.iter().map(|(c, p)| (c.to_string(), p.to_string())).unzip();
    let rows = sqlx::query!(
        r#"select u.client_id, u.goods, u.player_id, u.granted
           from unnest($1::text[], $2::bigint[], $3::text[]) as wanted (client_id, goods, player_id)
           join player_usage u on u.client_id = wanted.client_id and u.goods = wanted.goods
                              and u.player_id = wanted.player_id"#,
        &clients,
        &goods,
        &players,
    )
    .fetch_all(db)
    .await?;
    let player = |client, player| (ClientId::trusted(client), Id::trusted(player));
    Ok(rows
        .into_iter()
        .map(|row| ((row.goods, player(row.client_id, row.player_id)), row.granted))
        .collect())
}

/// Units granted by goods and client.
pub(super) async fn client_usage(
    db: impl PgExecutor<'_>,
    wanted: &BTreeSet<(i64, ClientId)>,
) -> Result<HashMap<(i64, ClientId), i64>> {
    let (goods, clients): (Vec<i64>, Vec<String>) =
        wanted.iter().map(|(goods, client)| (*goods, client.to_string())).unzip();
    let rows = sqlx::query!(
        r#"select u.client_id, u.goods, u.granted
           from unnest($1::text[], $2::bigint[]) as wanted (client_id, goods)
           join client_usage u on u.client_id = wanted.client_id and u.goods = wanted.goods"#,
        &clients,
        &goods,
    )
    .fetch_all(db)
    .await?;
    let key = |goods, client| (goods, ClientId::trusted(client));
    Ok(rows.into_iter().map(|row| (key(row.goods, row.client_id), row.granted)).collect())
}

/// The coupons that merchants ask about, by [`Goods::coupon_key`](crate::domain::goods::Goods::coupon_key).
pub(super) async fn coupons(
    db: impl PgExecutor<'_>,
    wanted: &BTreeSet<(i64, Id)>,
) -> Result<HashMap<(i64, Id), Coupon>> {
    let (goods, codes): (Vec<i64>, Vec<String>) =
        wanted.iter().map(|(goods, code)| (*goods, code.to_string())).unzip();
    let rows = sqlx::query!(
        r#"select c.goods, c.code, c.holder_client, c.holder_player, c.valid_until, c.used_at,
                  b.name as "branch?"
           from unnest($1::bigint[], $2::text[]) as wanted (goods, code)
           join coupon c on c.goods = wanted.goods and c.code = wanted.code
           left join branch b on b.id = c.used_branch"#,
        &goods,
        &codes,
    )
    .fetch_all(db)
    .await?;
    let coupons = rows.into_iter().map(|row| {
        let holder = row.holder_client.map(ClientId::trusted);
        let coupon = Coupon {
            holder: holder.zip(row.holder_player.map(Id::trusted)),
            valid_until: row.valid_until,
            used: row.branch.zip(row.used_at),
        };
        ((row.goods, Id::trusted(row.code)), coupon)
    });
    Ok(coupons.collect())
}

/// The enabled branches that may verify these pools.
pub(super) async fn branches(
    db: impl PgExecutor<'_>,
    goods: &[i64],
) -> Result<HashMap<i64, Vec<Branch>>> {
    let rows = sqlx::query!(
        r#"select a.goods, b.id, b.name, b.key_id, b.pin_hash
           from branch_group a join branch b on b.id = a.branch
           where a.goods = any($1) and b.enabled"#,
        goods
    )
    .fetch_all(db)
    .await?;
    let mut branches: HashMap<i64, Vec<Branch>> = HashMap::new();
    for row in rows {
        let branch =
            Branch { row: row.id, name: row.name, key_id: row.key_id, pin_hash: row.pin_hash };
        branches.entry(row.goods).or_default().push(branch);
    }
    Ok(branches)
}

/// Wrong PINs around the instants at which these clients try now.
pub(super) async fn pin_failures(
    db: impl PgExecutor<'_>,
    tried: &BTreeMap<(ClientId, i64), (OffsetDateTime, OffsetDateTime)>,
) -> Result<HashMap<(ClientId, i64), Vec<PinFailure>>> {
    let clients: Vec<String> = tried.keys().map(|(client, _)| client.to_string()).collect();
    let goods: Vec<i64> = tried.keys().map(|(_, goods)| *goods).collect();
    let from: Vec<OffsetDateTime> =
        tried.values().map(|(from, _)| from.saturating_sub(PIN_WINDOW)).collect();
    let to: Vec<OffsetDateTime> =
        tried.values().map(|(_, to)| to.saturating_add(PIN_WINDOW)).collect();
    let rows = sqlx::query!(
        r#"select f.client_id, f.goods, f.code, f.failed_at, f.forgiven
           from unnest($1::text[], $2::bigint[], $3::timestamptz[], $4::timestamptz[])
                as tried (client_id, goods, earliest, latest)
           join pin_failure f on f.client_id = tried.client_id and f.goods = tried.goods
            and f.failed_at > tried.earliest and f.failed_at < tried.latest"#,
        &clients,
        &goods,
        &from,
        &to,
    )
    .fetch_all(db)
    .await?;
    let mut failures: HashMap<(ClientId, i64), Vec<PinFailure>> = HashMap::new();
    for row in rows {
        let failure =
            PinFailure { code: Id::trusted(row.code), at: row.failed_at, forgiven: row.forgiven };
        failures.entry((ClientId::trusted(row.client_id), row.goods)).or_default().push(failure);
    }
    Ok(failures)
}
