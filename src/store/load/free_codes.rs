//! Free codes of pools, earliest expiry first. The lock of the goods protects them, and was taken before.
//!
//! Jobs of one batch were accepted at different instants. So beyond the units asked for, all codes are taken
//! that expire between the first and the last of them: else one of the jobs could want a code that is free
//! and was not loaded.

use crate::domain::decide::CodesWanted;
use crate::domain::id::Id;
use crate::domain::state::{FreeCode, FreeCodes};
use crate::store::error::Result;
use sqlx::PgExecutor;
use std::collections::HashMap;
use time::OffsetDateTime;

/// Pools, and how many codes are asked for of each.
pub(super) struct Pools {
    goods: Vec<i64>,
    earliest: Vec<OffsetDateTime>,
    latest: Vec<OffsetDateTime>,
    units: Vec<i64>,
}

impl Pools {
    pub(super) fn of<'a>(
        wanted: impl IntoIterator<Item = (&'a i64, &'a CodesWanted)>,
        units: impl Fn(&i64, &CodesWanted) -> i64,
    ) -> Self {
        let none = || (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let (goods, earliest, latest, units) =
            wanted.into_iter().fold(none(), |mut pools, (goods, codes)| {
                pools.0.push(*goods);
                pools.1.push(codes.earliest);
                pools.2.push(codes.latest);
                pools.3.push(units(goods, codes));
                pools
            });
        Self { goods, earliest, latest, units }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.goods.is_empty()
    }
}

/// How many codes each pool has, as far as [`load`] would load them.
pub(super) async fn count(db: impl PgExecutor<'_>, pools: &Pools) -> Result<HashMap<i64, i64>> {
    let rows = sqlx::query!(
        r#"select pool.goods as "goods!", free.codes as "codes!"
           from unnest($1::bigint[], $2::timestamptz[], $3::timestamptz[], $4::bigint[])
                as pool (goods, earliest, latest, units)
           cross join lateral (
               select count(*) as codes from (
                   select from coupon c
                   where c.goods = pool.goods and c.job_key is null and c.expires_at > pool.earliest
                   order by c.expires_at, c.id
                   limit pool.units + (
                       select count(*) from coupon c
                       where c.goods = pool.goods and c.job_key is null
                         and c.expires_at > pool.earliest and c.expires_at <= pool.latest)
               ) as next
           ) as free"#,
        &pools.goods,
        &pools.earliest,
        &pools.latest,
        &pools.units,
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(|row| (row.goods, row.codes)).collect())
}

/// The next codes of each pool.
pub(super) async fn load(
    db: impl PgExecutor<'_>,
    pools: &Pools,
) -> Result<HashMap<i64, FreeCodes>> {
    let rows = sqlx::query!(
        r#"select pool.goods as "goods!", free.code, free.shown,
                  nullif(free.expires_at, 'infinity') as expires_at
           from unnest($1::bigint[], $2::timestamptz[], $3::timestamptz[], $4::bigint[])
                as pool (goods, earliest, latest, units)
           cross join lateral (
               select c.code, c.shown, c.expires_at, c.id from coupon c
               where c.goods = pool.goods and c.job_key is null and c.expires_at > pool.earliest
               order by c.expires_at, c.id
               limit pool.units + (
                   select count(*) from coupon c
                   where c.goods = pool.goods and c.job_key is null
                     and c.expires_at > pool.earliest and c.expires_at <= pool.latest)
           ) as free
           order by pool.goods, free.expires_at, free.id"#,
        &pools.goods,
        &pools.earliest,
        &pools.latest,
        &pools.units,
    )
    .fetch_all(db)
    .await?;
    let mut free: HashMap<i64, FreeCodes> = HashMap::new();
    for row in rows {
        let code = FreeCode {
            code: Id::trusted(row.code),
            shown: row.shown.map(Id::trusted),
            expires_at: row.expires_at,
        };
        free.entry(row.goods).or_default().loaded.push_back(code);
    }
    Ok(free)
}
