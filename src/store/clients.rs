//! Client sites: who may call, and which tokens are void.

use super::error::Result;
use crate::domain::answer_mode::AnswerMode;
use crate::domain::id::ClientId;
use secrecy::SecretString;
use sqlx::{PgConnection, PgExecutor};
use time::{Duration, OffsetDateTime};

/// What every ingress knows of a client without asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientStatus {
    /// Whether its requests are accepted.
    pub enabled: bool,
    /// Tokens of earlier generations are void.
    pub token_generation: i32,
    /// How its requests are answered.
    pub answers: AnswerMode,
}

/// One client, for the ingress's snapshot.
#[derive(Debug)]
pub struct Snapshot {
    pub client: ClientId,
    /// SHA-256 of its api_key.
    pub api_key_hash: Vec<u8>,
    /// What is known of it.
    pub standing: ClientStatus,
}

/// One row of `client list`.
#[derive(Debug, serde::Serialize)]
pub struct Listed {
    pub client_id: String,
    pub name: String,
    /// Whether its requests are accepted.
    pub enabled: bool,
    /// How they are answered: async or sync.
    pub answers: String,
}

/// What `/Auth` compares with.
#[derive(Debug)]
pub struct Credentials {
    pub client: ClientId,
    /// Argon2id, in the PHC notation: of the api_secret, and of the one before while that is still taken.
    pub api_secret_hashes: Vec<SecretString>,
    /// Whether it may have a token.
    pub enabled: bool,
}

/// All clients, for the ingress's snapshot. Asked of a function, for the ingress may not read their api keys.
pub async fn snapshot(db: impl PgExecutor<'_>) -> Result<Vec<Snapshot>> {
    let rows = sqlx::query!(
        r#"select client_id as "client_id!", enabled as "enabled!",
                  token_generation as "token_generation!", answers as "answers!",
                  api_key_hash as "api_key_hash!"
           from client_snapshot()"#
    )
    .fetch_all(db)
    .await?;
    let known = rows.into_iter().map(|row| Snapshot {
        client: ClientId::trusted(row.client_id),
        api_key_hash: row.api_key_hash,
        standing: ClientStatus {
            enabled: row.enabled,
            token_generation: row.token_generation,
            answers: mode(&row.answers),
        },
    });
    Ok(known.collect())
}

/// A constraint of the table allows no other text.
#[expect(clippy::expect_used, reason = "the database checks the column")]
fn mode(answers: &str) -> AnswerMode {
    answers.parse().expect("the check constraint client_answers_are_known")
}

/// The client with this api key. Asked of a function, for the ingress may not read all the hashes.
pub async fn credentials(db: impl PgExecutor<'_>, api_key: &str) -> Result<Option<Credentials>> {
    let row = sqlx::query!(
        r#"select client_id as "client_id!", api_secret_hash as "api_secret_hash!", api_secret_hash_before,
                  enabled as "enabled!"
           from secrets_of($1)"#,
        api_key
    )
    .fetch_optional(db)
    .await?;
    Ok(row.map(|row| Credentials {
        client: ClientId::trusted(row.client_id),
        api_secret_hashes: [Some(row.api_secret_hash), row.api_secret_hash_before]
            .into_iter()
            .flatten()
            .map(SecretString::from)
            .collect(),
        enabled: row.enabled,
    }))
}

/// Generation and issue time of the client's current token: the one there is while it lives longer
/// than `life`, else a new one; `renew` always makes a new one and voids those before.
pub async fn current_token(
    db: &mut PgConnection,
    client: &ClientId,
    now: OffsetDateTime,
    life: Duration,
    renew: bool,
) -> Result<(i32, OffsetDateTime)> {
    let row = sqlx::query!(
        "select token_generation, token_issued_at from client where client_id = $1 for update",
        client.as_str()
    )
    .fetch_one(&mut *db)
    .await?;
    match row.token_issued_at {
        Some(issued_at) if !renew && now < issued_at + life => {
            return Ok((row.token_generation, issued_at));
        }
        _ => {}
    }
    let generation = row.token_generation.wrapping_add(1);
    sqlx::query!(
        "update client set token_generation = $2, token_issued_at = $3 where client_id = $1",
        client.as_str(),
        generation,
        now,
    )
    .execute(db)
    .await?;
    Ok((generation, now))
}

pub async fn insert(
    db: impl PgExecutor<'_>,
    client: &ClientId,
    name: &str,
    api_key: &str,
    api_secret_hash: &str,
    answers: AnswerMode,
) -> Result<()> {
    sqlx::query!(
        "insert into client (client_id, name, api_key, api_secret_hash, answers) values ($1, $2, $3, $4, $5)",
        client.as_str(),
        name,
        api_key,
        api_secret_hash,
        answers.as_str(),
    )
    .execute(db)
    .await?;
    Ok(())
}

pub async fn list(db: impl PgExecutor<'_>) -> Result<Vec<Listed>> {
    Ok(sqlx::query_as!(
        Listed,
        r#"select client_id, name, disabled_at is null as "enabled!", answers from client order by client_id"#
    )
    .fetch_all(db)
    .await?)
}

/// What an operator may change of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    pub enabled: bool,
    pub answers: AnswerMode,
    /// Until when the api_secret before the present one is taken, if it is.
    pub secret_before_until: Option<OffsetDateTime>,
}

/// Locks a client; none when there is none of this id.
pub async fn lock(db: impl PgExecutor<'_>, client: &ClientId) -> Result<Option<Terms>> {
    let row = sqlx::query!(
        r#"select disabled_at is null as "enabled!", answers, api_secret_before_until
           from client where client_id = $1 for update"#,
        client.as_str()
    )
    .fetch_optional(db)
    .await?;
    Ok(row.map(|row| Terms {
        enabled: row.enabled,
        answers: mode(&row.answers),
        secret_before_until: row.api_secret_before_until,
    }))
}

/// Enables or disables a client from now on. Disabling voids all its tokens for good.
pub async fn set_enabled(db: &mut PgConnection, client: &ClientId, enabled: bool) -> Result<()> {
    sqlx::query!(
        r#"update client
           set disabled_at = case when $2 then null else coalesce(disabled_at, clock_timestamp()) end
           where client_id = $1"#,
        client.as_str(),
        enabled,
    )
    .execute(&mut *db)
    .await?;
    if enabled { Ok(()) } else { revoke_tokens(db, client).await }
}

/// Voids all tokens of a client for good.
pub async fn revoke_tokens(db: impl PgExecutor<'_>, client: &ClientId) -> Result<()> {
    sqlx::query!(
        "update client set token_generation = token_generation + 1, token_issued_at = null where client_id = $1",
        client.as_str()
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Replaces the api_secret. Asked of a function, for an operator may not read the hashes. The one before is taken until then, if a time is given.
pub async fn set_secret(
    db: impl PgExecutor<'_>,
    client: &ClientId,
    api_secret_hash: &str,
    before_until: Option<OffsetDateTime>,
) -> Result<()> {
    sqlx::query!(
        "select replace_secret($1, $2, $3)",
        client.as_str(),
        api_secret_hash,
        before_until,
    )
    .fetch_one(db)
    .await?;
    Ok(())
}

/// Sets how a client is answered from now on.
pub async fn set_answers(
    db: impl PgExecutor<'_>,
    client: &ClientId,
    answers: AnswerMode,
) -> Result<()> {
    sqlx::query!(
        "update client set answers = $2 where client_id = $1",
        client.as_str(),
        answers.as_str(),
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Whether there is a client of this id.
pub async fn exists(db: impl PgExecutor<'_>, client: &ClientId) -> Result<bool> {
    Ok(sqlx::query_scalar!(
        r#"select exists (select from client where client_id = $1) as "exists!""#,
        client.as_str()
    )
    .fetch_one(db)
    .await?)
}
