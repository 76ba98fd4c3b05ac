//! Deliveries that ended before their jobs were tried.

use super::error::Result;
use crate::domain::id::ClientId;
use sqlx::PgExecutor;
use uuid::Uuid;

/// Notes one such delivery of each of these jobs.
pub async fn note(db: impl PgExecutor<'_>, jobs: &[(&ClientId, Uuid)]) -> Result<()> {
    let clients: Vec<String> = jobs.iter().map(|(client, _)| client.as_str().to_owned()).collect();
    let keys: Vec<Uuid> = jobs.iter().map(|(_, key)| *key).collect();
    // In order, for others may note some of the same.
    sqlx::query!(
        "insert into untried (client_id, job_key)
         select distinct client_id, job_key
         from unnest($1::text[], $2::uuid[]) as held (client_id, job_key) order by client_id, job_key
         on conflict (client_id, job_key)
         do update set deliveries = untried.deliveries + 1, noted_at = excluded.noted_at",
        &clients,
        &keys,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Forgets those of a month ago: where a queue stood still for as long, the broker's count holds.
pub async fn forget(db: impl PgExecutor<'_>) -> Result<()> {
    sqlx::query!("delete from untried where noted_at < now() - interval '30 days'")
        .execute(db)
        .await?;
    Ok(())
}

/// How many of them a job had.
pub async fn count(db: impl PgExecutor<'_>, client: &ClientId, key: Uuid) -> Result<i64> {
    let deliveries = sqlx::query_scalar!(
        "select deliveries from untried where client_id = $1 and job_key = $2",
        client.as_str(),
        key
    );
    Ok(deliveries.fetch_optional(db).await?.unwrap_or(0))
}
