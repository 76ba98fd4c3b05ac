//! Whether a pool folds case: settled while it is empty, since its codes are stored folded.

use crate::store::error::Result;
use sqlx::PgExecutor;

/// Makes an empty pool fold case; says whether it does now.
pub async fn settle(db: impl PgExecutor<'_>, goods: i64) -> Result<bool> {
    let settled = sqlx::query!(
        "update goods set fold_case = true where id = $1 and (fold_case or codes = 0)",
        goods
    )
    .execute(db)
    .await?;
    Ok(settled.rows_affected() == 1)
}
