//! Ids and codes in the tables that nobody can name: stored by hand, or before white space around them was
//! ignored and invisible characters were refused.

mod pattern;

use super::error::Result;
use pattern::PATTERNS;
use sqlx::PgExecutor;

/// How much of a table is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// About as many rows as this, on pages drawn at random, and no more.
    Sample(i64),
    All,
}

impl Extent {
    /// Percentage of the pages of a table that has about `rows`, and most rows.
    fn of(self, rows: f32) -> (f32, Option<i64>) {
        match self {
            Extent::All => (100.0, None),
            // A table that was never analysed has -1.
            Extent::Sample(most) if rows <= most as f32 => (100.0, Some(most)),
            Extent::Sample(most) => (100.0 * most as f32 / rows, Some(most)),
        }
    }
}

/// What was found in one kind of names.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Found {
    pub looked_at: i64,
    /// With white space around them, or characters that nobody sees.
    pub unreachable: i64,
    /// Of these, codes that look like another code of their pool.
    pub alike: i64,
}

/// About how many rows coupons and balances have.
pub async fn sizes(db: impl PgExecutor<'_>) -> Result<(f32, f32)> {
    let sizes = sqlx::query!(
        r#"select (select reltuples from pg_class where oid = 'coupon'::regclass) as "coupons!",
                  (select reltuples from pg_class where oid = 'balance'::regclass) as "balances!""#
    )
    .fetch_one(db)
    .await?;
    Ok((sizes.coupons, sizes.balances))
}

/// Codes. Whether another one looks alike is looked up by the primary key.
pub async fn codes(db: impl PgExecutor<'_>, rows: f32, extent: Extent) -> Result<Found> {
    let (percent, most) = extent.of(rows);
    Ok(sqlx::query_as!(
        Found,
        r#"with looked_at as materialized (
               select goods, code from coupon tablesample system ($1) limit $2),
           unreachable as materialized (
               select goods, code, regexp_replace(regexp_replace(code, $4, '', 'g'), $5, '', 'g') as seen
               from looked_at where code ~ $3),
           compared as (
               select count(*) over (partition by u.goods, u.seen) > 1
                      or exists (select from coupon c where c.goods = u.goods and c.code = u.seen) as alike
               from unreachable u)
           select (select count(*) from looked_at) as "looked_at!", count(*) as "unreachable!",
                  count(*) filter (where alike) as "alike!"
           from compared"#,
        percent,
        most,
        PATTERNS.unreachable,
        PATTERNS.unseen,
        PATTERNS.around,
    )
    .fetch_one(db)
    .await?)
}

/// Players, and the badges and currencies that they own.
pub async fn players(db: impl PgExecutor<'_>, rows: f32, extent: Extent) -> Result<Found> {
    let (percent, most) = extent.of(rows);
    Ok(sqlx::query_as!(
        Found,
        r#"with looked_at as materialized (
               select player_id, asset from balance tablesample system ($1) limit $2)
           select count(*) as "looked_at!",
                  count(*) filter (where player_id ~ $3
                                      or split_part(asset, ':', 2) ~ $3) as "unreachable!",
                  0::bigint as "alike!"
           from looked_at"#,
        percent,
        most,
        PATTERNS.unreachable,
    )
    .fetch_one(db)
    .await?)
}

/// Goods, groups, sponsors and branches. Client ids have an alphabet of their own.
pub async fn catalogue(db: impl PgExecutor<'_>, extent: Extent) -> Result<Found> {
    let (_, most) = extent.of(0.0);
    Ok(sqlx::query_as!(
        Found,
        r#"with goods_looked_at as materialized (
               select goods_id, group_name, sponsor from goods limit $1),
           branches_looked_at as materialized (
               select merchant, name, sponsor from branch limit $1),
           looked_at as (
               select goods_id ~ $2 or group_name ~ $2 or sponsor ~ $2 as unreachable from goods_looked_at
               union all
               select merchant ~ $2 or name ~ $2 or sponsor ~ $2 from branches_looked_at)
           select count(*) as "looked_at!", count(*) filter (where unreachable) as "unreachable!",
                  0::bigint as "alike!"
           from looked_at"#,
        most,
        PATTERNS.unreachable,
    )
    .fetch_one(db)
    .await?)
}

/// Which of these texts the predicate of the queries above finds.
pub async fn unreachable(db: impl PgExecutor<'_>, texts: &[String]) -> Result<Vec<String>> {
    Ok(sqlx::query_scalar!(
        r#"select text as "text!" from unnest($1::text[]) as given (text) where text ~ $2"#,
        texts,
        PATTERNS.unreachable,
    )
    .fetch_all(db)
    .await?)
}
