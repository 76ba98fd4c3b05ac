//! Branches of merchants: who may verify which pools, by keyed hashes of their PINs.

use super::error::Result;
use crate::domain::goods::Scope;
use sqlx::PgExecutor;

#[derive(derive_more::Debug)]
pub struct NewBranch<'a> {
    pub scope: &'a Scope,
    /// Which sponsor's, for sponsored ones.
    pub sponsor: Option<&'a str>,
    pub merchant: &'a str,
    /// For people, and in the answer to a second verification.
    pub name: &'a str,
    /// Which secret the PIN is hashed with.
    pub key_id: &'a str,
    #[debug("***")]
    pub pin_hash: &'a str,
}

/// One row of `branch list`.
#[derive(Debug, serde::Serialize)]
pub struct Listed {
    /// The id, as text: JSON readers may not hold 64 bits.
    pub branch_id: String,
    /// The client, for a client's branch.
    pub client_id: Option<String>,
    /// The sponsor, for a sponsor's branch.
    pub sponsor: Option<String>,
    pub merchant: String,
    pub branch: String,
    /// Pools that it may verify.
    pub groups: Vec<String>,
    /// Whether its PIN is taken.
    pub enabled: bool,
}

/// Adds a branch and tells its id.
pub async fn insert(db: impl PgExecutor<'_>, branch: &NewBranch<'_>) -> Result<i64> {
    Ok(sqlx::query_scalar!(
        r#"insert into branch (scope, sponsor, merchant, name, key_id, pin_hash)
           values ($1, $2, $3, $4, $5, $6) returning id"#,
        branch.scope.as_str(),
        branch.sponsor,
        branch.merchant,
        branch.name,
        branch.key_id,
        branch.pin_hash,
    )
    .fetch_one(db)
    .await?)
}

/// Allows it to verify these pools.
pub async fn allow(db: impl PgExecutor<'_>, branch: i64, goods: &[i64]) -> Result<()> {
    sqlx::query!(
        "insert into branch_group (goods, branch) select distinct unnest($1::bigint[]), $2::bigint",
        goods,
        branch,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// All branches, or those of one client or one sponsor.
pub async fn list(
    db: impl PgExecutor<'_>,
    scope: Option<&Scope>,
    sponsor: Option<&str>,
) -> Result<Vec<Listed>> {
    Ok(sqlx::query_as!(
        Listed,
        r#"select b.id::text as "branch_id!", nullif(b.scope, '*') as client_id, b.sponsor, b.merchant,
                  b.name as branch, b.enabled,
                  array(select g.group_name from branch_group a join goods g on g.id = a.goods
                        where a.branch = b.id order by g.group_name) as "groups!: Vec<String>"
           from branch b
           where ($1::text is null or b.scope = $1) and ($2::text is null or b.sponsor = $2)
           order by b.scope, b.sponsor, b.merchant, b.name"#,
        scope.map(Scope::as_str),
        sponsor,
    )
    .fetch_all(db)
    .await?)
}

/// Locks a branch, and says whether it is enabled; none when there is none of this id.
pub async fn lock(db: impl PgExecutor<'_>, branch: i64) -> Result<Option<bool>> {
    let row = sqlx::query!("select enabled from branch where id = $1 for update", branch)
        .fetch_optional(db)
        .await?;
    Ok(row.map(|row| row.enabled))
}

/// Enables or disables a branch.
pub async fn set_enabled(db: impl PgExecutor<'_>, branch: i64, enabled: bool) -> Result<()> {
    sqlx::query!("update branch set enabled = $2 where id = $1", branch, enabled)
        .execute(db)
        .await?;
    Ok(())
}

/// Replaces a branch's PIN.
pub async fn set_pin(
    db: impl PgExecutor<'_>,
    branch: i64,
    key_id: &str,
    pin_hash: &str,
) -> Result<()> {
    sqlx::query!(
        "update branch set key_id = $2, pin_hash = $3 where id = $1",
        branch,
        key_id,
        pin_hash
    )
    .execute(db)
    .await?;
    Ok(())
}
