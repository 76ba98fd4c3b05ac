//! `redeemq goods watch`, `unwatch` and `watched`: whose stock the workers show as a metric.

use super::operator::Operator;
use super::output::{Output, line};
use super::owner::Owner;
use crate::domain::id::Id;
use crate::store::audit_log::Change;
use crate::store::watched::{self, Stock, WATCHED_MAX};
use anyhow::bail;
use serde_json::{Value, json};
use sqlx::PgPool;

/// Watches goods from now on.
///
/// # Errors
/// When one is not there, or too many would be watched: nothing is changed then.
pub(super) async fn watch(
    owner: &Owner,
    goods: &[Id],
    operator: &Operator,
    output: &mut Output,
) -> anyhow::Result<()> {
    let rows = find(owner, goods, &operator.store).await?;
    let mut db = operator.store.begin().await?;
    let watched = watched::add(&mut *db, &rows).await?;
    if watched > WATCHED_MAX {
        bail!(
            "{watched} goods would be watched, and the limit is {WATCHED_MAX}, as each is several time series: unwatch others with `redeemq goods unwatch`"
        );
    }
    operator.log(&mut db, Change::to("goods watch", &owner.to_string(), names(goods))).await?;
    db.commit().await?;
    list(&operator.store, output).await
}

fn names(goods: &[Id]) -> Value {
    json!({"goods": goods.iter().map(Id::as_str).collect::<Vec<_>>()})
}

/// Watches them no longer.
///
/// # Errors
/// When one is not there.
pub(super) async fn unwatch(
    owner: &Owner,
    goods: &[Id],
    operator: &Operator,
    output: &mut Output,
) -> anyhow::Result<()> {
    let rows = find(owner, goods, &operator.store).await?;
    let mut db = operator.store.begin().await?;
    watched::remove(&mut *db, &rows).await?;
    operator.log(&mut db, Change::to("goods unwatch", &owner.to_string(), names(goods))).await?;
    db.commit().await?;
    list(&operator.store, output).await
}

async fn find(owner: &Owner, goods: &[Id], pool: &PgPool) -> anyhow::Result<Vec<i64>> {
    owner.must_exist(pool).await?;
    let ids: Vec<String> = goods.iter().map(Id::to_string).collect();
    let found = watched::find(pool, &owner.scope(), owner.sponsor(), &ids).await?;
    if let Some(missing) = ids.iter().find(|id| found.iter().all(|(found, _)| found != *id)) {
        bail!("there are no goods `{missing}` of this owner: import them first");
    }
    Ok(found.into_iter().map(|(_, row)| row).collect())
}

/// All that is watched, with its stock.
///
/// # Errors
/// When the database can't be asked.
pub(super) async fn list(pool: &PgPool, output: &mut Output) -> anyhow::Result<()> {
    output.result(&watched::stock(pool).await?, |all| {
        let mut lines = vec![line(["OWNER", "GOODS", "GRANTED", "REMAINING"])];
        lines.extend(all.iter().map(|stock| {
            let Stock { owner, goods_id, granted, remaining } = stock;
            let remaining = remaining.map_or("unlimited".to_owned(), |left| left.to_string());
            line([owner, goods_id, &granted.to_string(), &remaining])
        }));
        lines
    })
}
