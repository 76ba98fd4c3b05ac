//! Codes of pools that fold case: `redeemq coupons import --fold-case`.

use crate::domain::fold::folded;
use crate::domain::id::Id;
use crate::store::imports::fold;
use crate::store::pools::Pool;
use anyhow::bail;
use sqlx::PgPool;

/// Whether the codes to come are folded: the pool says so, or is told so while it is empty.
///
/// # Errors
/// When it is told so, and has codes already.
pub(super) async fn settle(pool: &PgPool, of: &Pool, asked: bool) -> anyhow::Result<bool> {
    let group = &of.group;
    if of.fold_case && !asked {
        tracing::info!(
            "pool `{group}` folds case, so codes of this file are folded as well (as with --fold-case)"
        );
    }
    if of.fold_case || !asked {
        return Ok(of.fold_case);
    }
    if !fold::settle(pool, of.goods).await? {
        bail!(
            "pool `{group}` has codes already, in which upper and lower case are different: --fold-case is for a pool without codes. Make a new one with `redeemq goods import`"
        );
    }
    Ok(true)
}

/// A code as it is stored in such a pool, and as it is shown where that is another spelling.
pub(super) fn spelled(code: Id) -> (Id, Option<Id>) {
    let key = folded(&code);
    let shown = (key != code).then_some(code);
    (key, shown)
}

/// Why a code is refused that folds as another one of its pool does.
pub(super) const COLLISION: &str =
    "code: the pool has it already, in other upper and lower case, which are one in this pool";

/// Why an import stops when another one has made its pool fold case meanwhile.
pub(super) const CHANGED: &str = "another import has made the pool fold case meanwhile";
