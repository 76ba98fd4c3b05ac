//! Wrong PINs.

use crate::domain::state::Changes;
use crate::store::error::Result;
use sqlx::PgExecutor;
use time::OffsetDateTime;

pub(super) async fn insert_pin_failures(db: impl PgExecutor<'_>, changes: &Changes) -> Result<()> {
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
pub(super) async fn forget_pin_failures(db: impl PgExecutor<'_>, changes: &Changes) -> Result<()> {
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

pub(super) async fn forgive_pin_failures(db: impl PgExecutor<'_>, changes: &Changes) -> Result<()> {
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
