//! Looking up one job.

use super::error::{Result, StoreError};
use crate::domain::content::Content;
use crate::domain::id::ClientId;
use crate::domain::state::Stored;
use sqlx::PgExecutor;
use uuid::Uuid;

/// What the database says of a job.
#[derive(Debug, Clone, PartialEq)]
pub enum JobStatus {
    Decided(Stored),
    /// In the dead queue, undecided.
    Dead,
    Unseen,
}

/// One job by its key. Asked of a function, for the ingress may not read the ledger itself.
pub async fn find(db: impl PgExecutor<'_>, client: &ClientId, key: Uuid) -> Result<JobStatus> {
    let row = sqlx::query!(
        r#"select content as "content?", accepted_at as "accepted_at?", decided_at as "decided_at?",
                  body as "body?", dead as "dead!"
           from standing_of($1, $2)"#,
        client.as_str(),
        key,
    )
    .fetch_one(db)
    .await?;
    let stored = row.content.zip(row.accepted_at).zip(row.decided_at).zip(row.body);
    match stored {
        Some((((bytes, accepted_at), decided_at), body)) => {
            let content = content(&bytes)?;
            Ok(JobStatus::Decided(Stored { content, accepted_at, decided_at, body }))
        }
        None if row.dead => Ok(JobStatus::Dead),
        None => Ok(JobStatus::Unseen),
    }
}

pub(super) fn content(bytes: &[u8]) -> Result<Content> {
    bytes.try_into().map(Content).map_err(|_| StoreError::Unreadable {
        column: "ledger.content",
        text: format!("{bytes:02x?}"),
    })
}
