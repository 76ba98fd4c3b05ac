//! Looking up one job.

use super::books::content;
use super::error::Result;
use crate::domain::id::ClientId;
use crate::domain::state::Stored;
use sqlx::PgExecutor;
use uuid::Uuid;

/// What the books say of a job.
#[derive(Debug, Clone, PartialEq)]
pub enum Standing {
    /// Decided.
    Decided(Stored),
    /// In the dead queue, undecided.
    Dead,
    /// Not yet seen.
    Unseen,
}

/// One job by its key.
pub async fn find(db: impl PgExecutor<'_>, client: &ClientId, key: Uuid) -> Result<Standing> {
    let row = sqlx::query!(
        r#"select l.content as "content?", l.accepted_at as "accepted_at?",
                  l.decided_at as "decided_at?", l.body as "body?",
                  exists (select from dead_job d where d.client_id = $1 and d.job_key = $2) as "dead!"
           from (select) as one
           left join ledger l on l.client_id = $1 and l.job_key = $2"#,
        client.as_str(),
        key,
    )
    .fetch_one(db)
    .await?;
    let stored = row.content.zip(row.accepted_at).zip(row.decided_at).zip(row.body);
    match stored {
        Some((((bytes, accepted_at), decided_at), body)) => {
            let content = content(&bytes)?;
            Ok(Standing::Decided(Stored { content, accepted_at, decided_at, body }))
        }
        None if row.dead => Ok(Standing::Dead),
        None => Ok(Standing::Unseen),
    }
}
