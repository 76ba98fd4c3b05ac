//! Undecided jobs in the dead queue, so that their status can say so.

use super::error::Result;
use crate::domain::id::ClientId;
use sqlx::PgExecutor;
use uuid::Uuid;

/// Notes that a job went to the dead queue.
pub async fn insert(
    db: impl PgExecutor<'_>,
    client: &ClientId,
    key: Uuid,
    job_id: &str,
    reason: &str,
) -> Result<()> {
    sqlx::query!(
        r#"insert into dead_job (client_id, job_key, job_id, reason) values ($1, $2, $3, $4)
           on conflict (client_id, job_key) do update set reason = excluded.reason"#,
        client.as_str(),
        key,
        job_id,
        reason,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Notes that it left the dead queue.
pub async fn remove(db: impl PgExecutor<'_>, client: &ClientId, key: Uuid) -> Result<()> {
    sqlx::query!(
        "delete from dead_job where client_id = $1 and job_key = $2",
        client.as_str(),
        key
    )
    .execute(db)
    .await?;
    Ok(())
}
