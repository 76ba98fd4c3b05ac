//! Goods whose stock is a metric.

use super::error::Result;
use crate::domain::goods::Scope;
use sqlx::PgExecutor;

/// Most goods that are watched: each is a handful of time series for each worker, for ever.
pub const WATCHED_MAX: i64 = 100;

/// What is left of watched goods.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Stock {
    /// The client that they belong to, or `@` and the sponsor.
    pub owner: String,
    pub goods_id: String,
    pub granted: i64,
    /// Units that can still be granted, of a pool its codes that have not expired; none is unlimited.
    pub remaining: Option<i64>,
}

/// The stock of all watched goods, as committed: no lock is waited for.
pub async fn stock(db: impl PgExecutor<'_>) -> Result<Vec<Stock>> {
    Ok(sqlx::query_as!(
        Stock,
        r#"select case when g.scope = '*' then '@' || g.sponsor else g.scope end as "owner!",
                  g.goods_id, g.granted,
                  case when g.group_name is null then g.quantity - g.granted
                       when g.coupon_expires_at <= now() then 0
                       else g.codes - g.granted - (select count(*) from coupon c
                            where c.goods = g.id and c.job_key is null and c.expires_at <= now())
                  end as remaining
           from watched_goods w join goods g on g.id = w.goods
           order by g.id limit $1"#,
        WATCHED_MAX
    )
    .fetch_all(db)
    .await?)
}

/// The row numbers of these goods, in their order; what there is not is left out. A sponsor has no
/// goods of another one.
pub async fn find(
    db: impl PgExecutor<'_>,
    scope: &Scope,
    sponsor: Option<&str>,
    goods_ids: &[String],
) -> Result<Vec<(String, i64)>> {
    let rows = sqlx::query!(
        "select goods_id, id from goods
         where scope = $1 and sponsor is not distinct from $2 and goods_id = any($3) order by id",
        scope.as_str(),
        sponsor,
        goods_ids,
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(|row| (row.goods_id, row.id)).collect())
}

/// Watches goods. How many are watched then.
pub async fn add(db: impl PgExecutor<'_>, goods: &[i64]) -> Result<i64> {
    Ok(sqlx::query_scalar!(
        r#"with added as (
               insert into watched_goods select g from unnest($1::bigint[]) as g order by g
               on conflict (goods) do nothing returning goods)
           select (select count(*) from watched_goods) + (select count(*) from added) as "watched!""#,
        goods
    )
    .fetch_one(db)
    .await?)
}

pub async fn remove(db: impl PgExecutor<'_>, goods: &[i64]) -> Result<()> {
    sqlx::query!("delete from watched_goods where goods = any($1)", goods).execute(db).await?;
    Ok(())
}
