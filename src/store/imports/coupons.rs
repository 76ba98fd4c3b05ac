//! Codes for a pool. The goods' lock is held while any of this runs, so that imports of the same
//! pool and workers take turns, and `goods.codes` is always the count of coupons.

use super::{Chunk, CopyText, Staged};
use crate::domain::id::Id;
use crate::store::error::Result;
use sqlx::PgExecutor;
use time::OffsetDateTime;

/// A row of the file.
#[derive(derive_more::Debug)]
pub struct StagedCoupon {
    #[debug("***")]
    pub code: Id,
    /// As it is handed out, where that is another spelling.
    #[debug("***")]
    pub shown: Option<Id>,
    /// When it expires by itself; never, if absent.
    pub expires_at: Option<OffsetDateTime>,
}

impl Staged for StagedCoupon {
    const TABLE: &'static str = "staged_coupon";
    const COLUMNS: &'static str = "code, shown, expires_at";
    const KEY: &'static [&'static str] = &["code"];

    fn copy(&self, text: &mut CopyText) {
        text.text(Some(self.code.as_str()));
        text.text(self.shown.as_ref().map(Id::as_str));
        match self.expires_at {
            Some(at) => text.time(Some(at)),
            None => text.text(Some("infinity")),
        }
    }
}

/// A code that is in the pool already, with another expiry or in another case.
#[derive(Debug)]
pub struct Conflict {
    pub line: i64,
    pub is_in_other_case: bool,
    /// The expiry that it has.
    pub expires_at: Option<OffsetDateTime>,
}

/// Locks the pool: the first statement of a chunk. Says whether it folds case.
pub async fn lock(db: impl PgExecutor<'_>, goods: i64) -> Result<bool> {
    let locked = sqlx::query!("select fold_case from goods where id = $1 for update", goods);
    Ok(locked.fetch_one(db).await?.fold_case)
}

/// Adds the codes that are not there yet, in the order of the file; says how many.
pub async fn insert(db: impl PgExecutor<'_>, goods: i64, chunk: Chunk) -> Result<i64> {
    let inserted = sqlx::query!(
        r#"insert into coupon (goods, code, shown, expires_at)
           select $1, code, shown, expires_at from staged_coupon
           where place > $2 and place <= $3
           order by place
           on conflict (goods, code) do nothing"#,
        goods,
        chunk.after,
        chunk.upto,
    )
    .execute(db)
    .await?;
    Ok(inserted.rows_affected() as i64)
}

/// Counts them, in the same transaction.
pub async fn add_codes(db: impl PgExecutor<'_>, goods: i64, added: i64) -> Result<()> {
    sqlx::query!("update goods set codes = codes + $2 where id = $1", goods, added)
        .execute(db)
        .await?;
    Ok(())
}

/// The rows of the chunk that the pool contradicts. `offset 0` makes it look each code up: a planner
/// that has not heard of a pool's size yet would rather read the whole pool for each chunk.
pub async fn conflicts(db: impl PgExecutor<'_>, goods: i64, chunk: Chunk) -> Result<Vec<Conflict>> {
    Ok(sqlx::query_as!(
        Conflict,
        r#"select s.line, c.shown is distinct from s.shown as "is_in_other_case!",
                  nullif(c.expires_at, 'infinity') as expires_at
           from staged_coupon s
           cross join lateral (select c.shown, c.expires_at from coupon c
                               where c.goods = $1 and c.code = s.code offset 0) as c
           where s.place > $2 and s.place <= $3
             and (c.expires_at, c.shown) is distinct from (s.expires_at, s.shown)
           order by s.place"#,
        goods,
        chunk.after,
        chunk.upto,
    )
    .fetch_all(db)
    .await?)
}
