//! Looking up one job.

use super::error::{Result, StoreError};
use crate::domain::content::Content;
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

/// One job by its key. Asked of a function, for the ingress may not read the ledger itself.
pub async fn find(db: impl PgExecutor<'_>, client: &ClientId, key: Uuid) -> Result<Standing> {
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
            Ok(Standing::Decided(Stored { content, accepted_at, decided_at, body }))
        }
        None if row.dead => Ok(Standing::Dead),
        None => Ok(Standing::Unseen),
    }
}

/// The fingerprint as stored.
pub(super) fn content(bytes: &[u8]) -> Result<Content> {
    bytes.try_into().map(Content).map_err(|_| StoreError::Unreadable {
        column: "ledger.content",
        text: format!("{bytes:02x?}"),
    })
}
