//! Rows of a file whose key stands in it before. The first of them is applied, as it was staged first; the
//! others are looked for only where not every row was new, so that most imports pay nothing.

use super::{Chunk, Staged};
use crate::store::error::Result;
use sqlx::{AssertSqlSafe, PgConnection, PgExecutor};

#[derive(Debug)]
pub struct Repeat {
    pub line: i64,
    pub first_line: i64,
}

/// Makes the index of the session's own table, unless it is there. It takes a second for a million rows, so
/// no other lock may be held.
pub async fn prepare<S: Staged>(db: &mut PgConnection) -> Result<()> {
    let keys: Vec<String> = S::KEY.iter().map(|key| format!("{key} collate \"C\"")).collect();
    let sql = format!(
        "create index if not exists {0}_by_key on pg_temp.{0} ({1}, place)",
        S::TABLE,
        keys.join(", ")
    );
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(db).await?;
    Ok(())
}

/// Those of a chunk of codes.
pub async fn coupons(db: impl PgExecutor<'_>, chunk: Chunk) -> Result<Vec<Repeat>> {
    Ok(sqlx::query_as!(
        Repeat,
        r#"select s.line, f.line as "first_line!"
           from staged_coupon s
           cross join lateral (select f.line from staged_coupon f
                               where f.code collate "C" = s.code and f.place < s.place
                               order by f.place limit 1) as f
           where s.place > $1 and s.place <= $2
           order by s.place"#,
        chunk.after,
        chunk.upto,
    )
    .fetch_all(db)
    .await?)
}

/// Those of a chunk of what players own.
pub async fn players(db: impl PgExecutor<'_>, chunk: Chunk) -> Result<Vec<Repeat>> {
    Ok(sqlx::query_as!(
        Repeat,
        r#"select s.line, f.line as "first_line!"
           from staged_player s
           cross join lateral (select f.line from staged_player f
                               where f.player_id collate "C" = s.player_id
                                 and f.asset collate "C" = s.asset and f.place < s.place
                               order by f.place limit 1) as f
           where s.place > $1 and s.place <= $2
           order by s.place"#,
        chunk.after,
        chunk.upto,
    )
    .fetch_all(db)
    .await?)
}
