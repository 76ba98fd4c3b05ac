//! Code pools by name.

use super::error::Result;
use crate::domain::goods::Scope;
use sqlx::PgExecutor;

#[derive(Debug)]
pub struct Pool {
    pub goods: i64,
    pub group: String,
    /// Whose it is, among the sponsored.
    pub sponsor: Option<String>,
    /// Codes that differ in case alone are one.
    pub fold_case: bool,
}

/// Those of these pools that the scope has.
pub async fn find(db: impl PgExecutor<'_>, scope: &Scope, groups: &[String]) -> Result<Vec<Pool>> {
    Ok(sqlx::query_as!(
        Pool,
        r#"select id as goods, group_name as "group!", sponsor, fold_case from goods
           where scope = $1 and group_name = any($2)"#,
        scope.as_str(),
        groups,
    )
    .fetch_all(db)
    .await?)
}
