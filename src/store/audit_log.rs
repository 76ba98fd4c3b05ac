//! The log of what operators change. A row is written in the transaction that makes the change, so there is
//! none without the other.

use super::error::Result;
use serde_json::Value;
use sqlx::PgExecutor;
use time::OffsetDateTime;

/// One change of one thing. It holds no secret, PIN or code.
#[derive(Debug, Clone, PartialEq)]
pub struct Change<'a> {
    /// The command: `client disable`.
    pub what: &'a str,
    /// What was changed: an id, or the owner and an id.
    pub subject: &'a str,
    pub before: Option<Value>,
    pub after: Option<Value>,
}

impl<'a> Change<'a> {
    /// What is new, or whose earlier state is not to be told.
    pub fn to(what: &'a str, subject: &'a str, after: Value) -> Self {
        Self { what, subject, before: None, after: Some(after) }
    }

    pub fn between(what: &'a str, subject: &'a str, before: Value, after: Value) -> Self {
        Self { what, subject, before: Some(before), after: Some(after) }
    }
}

/// One row of `redeemq log`.
#[derive(Debug, serde::Serialize)]
pub struct Entry {
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    pub who: String,
    pub database_user: String,
    pub what: String,
    pub subject: String,
    pub before: Option<Value>,
    pub after: Option<Value>,
}

pub async fn insert(db: impl PgExecutor<'_>, who: &str, change: &Change<'_>) -> Result<()> {
    sqlx::query!(
        "insert into audit_log (who, what, subject, before, after) values ($1, $2, $3, $4, $5)",
        who,
        change.what,
        change.subject,
        change.before,
        change.after,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// The latest rows, oldest first.
pub async fn list(
    db: impl PgExecutor<'_>,
    since: Option<OffsetDateTime>,
    who: Option<&str>,
    most: i64,
) -> Result<Vec<Entry>> {
    let mut entries = sqlx::query_as!(
        Entry,
        "select at, who, database_user, what, subject, before, after from audit_log
         where ($1::timestamptz is null or at >= $1) and ($2::text is null or who = $2)
         order by id desc limit $3",
        since,
        who,
        most,
    )
    .fetch_all(db)
    .await?;
    entries.reverse();
    Ok(entries)
}
