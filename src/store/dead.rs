//! Undecided jobs in the dead queue, so that their status can say so.

use super::error::Result;
use crate::domain::id::ClientId;
use sqlx::PgExecutor;
use time::OffsetDateTime;
use uuid::Uuid;

/// Notes that a job went to the dead queue. Should it come back, its attempts are counted anew, as the broker counts its
/// deliveries.
pub async fn insert(
    db: impl PgExecutor<'_>,
    client: &ClientId,
    key: Uuid,
    job_id: &str,
    reason: &str,
) -> Result<()> {
    sqlx::query!(
        r#"with counted_anew as (delete from attempt where client_id = $1 and job_key = $2)
           insert into dead_job (client_id, job_key, job_id, reason) values ($1, $2, $3, $4)
           on conflict (client_id, job_key)
           do update set reason = excluded.reason, dead_at = excluded.dead_at"#,
        client.as_str(),
        key,
        job_id,
        reason,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// When a job was last noted as dead, if it was.
pub async fn noted_at(
    db: impl PgExecutor<'_>,
    client: &ClientId,
    key: Uuid,
) -> Result<Option<OffsetDateTime>> {
    Ok(sqlx::query_scalar!(
        "select dead_at from dead_job where client_id = $1 and job_key = $2",
        client.as_str(),
        key
    )
    .fetch_optional(db)
    .await?)
}

/// Notes that it left the dead queue, unless it died again since it was noted.
pub async fn remove(
    db: impl PgExecutor<'_>,
    client: &ClientId,
    key: Uuid,
    noted_at: OffsetDateTime,
) -> Result<()> {
    sqlx::query!(
        "delete from dead_job where client_id = $1 and job_key = $2 and dead_at = $3",
        client.as_str(),
        key,
        noted_at
    )
    .execute(db)
    .await?;
    Ok(())
}
