//! The stock of watched goods as metrics: queried every few seconds, so that it is right while nothing is
//! decided, and when codes are imported or expire.

use crate::store::StatementLimit;
use crate::store::watched::{self, Stock};
use sqlx::PgPool;
use std::collections::BTreeSet;
use std::time::Duration;

type Label = (String, String);

/// Sets the metrics again and again. Goods that are not watched any more, or whose stock can't be
/// queried, are NaN: an old number would look like a new one.
pub async fn watch(db: PgPool, limit: StatementLimit, every: Duration) {
    let mut labels: BTreeSet<Label> = BTreeSet::new();
    let mut failing = false;
    loop {
        let stock = limit.in_time(watched::stock(&db)).await;
        if let Err(error) = &stock
            && !failing
        {
            tracing::warn!(%error, "could not query the stock of watched goods; its metrics are NaN until a query succeeds");
        }
        failing = stock.is_err();
        let now: BTreeSet<Label> = stock.unwrap_or_default().into_iter().map(record).collect();
        labels.difference(&now).for_each(|gone| remaining(gone).set(f64::NAN));
        labels = now;
        tokio::time::sleep(every).await;
    }
}

fn record(stock: Stock) -> Label {
    let label = (stock.owner, stock.goods_id);
    let left = stock.remaining.map_or(f64::INFINITY, |left| left as f64);
    remaining(&label).set(left);
    let (owner, goods) = label.clone();
    metrics::counter!("redeemq_goods_granted_total", "owner" => owner, "goods" => goods)
        .absolute(u64::try_from(stock.granted).unwrap_or(0));
    label
}

fn remaining((owner, goods): &Label) -> metrics::Gauge {
    metrics::gauge!("redeemq_goods_remaining", "owner" => owner.clone(), "goods" => goods.clone())
}
