//! The stock of watched goods, as metrics: looked up every few seconds, so that it is right while
//! nothing is decided, and when codes are imported or expire.

use crate::store;
use crate::store::watched::{self, Stock};
use sqlx::PgPool;
use std::collections::BTreeSet;
use std::time::Duration;

type Label = (String, String);

/// Looks again and again. What is watched no longer, or can't be asked for, is NaN: an old number would
/// look like a new one.
pub async fn watch(db: PgPool, every: Duration) {
    let mut told: BTreeSet<Label> = BTreeSet::new();
    let mut failing = false;
    loop {
        let stock = store::in_time(watched::stock(&db)).await;
        if let Err(error) = &stock
            && !failing
        {
            tracing::warn!(%error, "the stock of watched goods can't be looked up: its metrics are left out");
        }
        failing = stock.is_err();
        let now: BTreeSet<Label> = stock.unwrap_or_default().into_iter().map(tell).collect();
        told.difference(&now).for_each(|gone| remaining(gone).set(f64::NAN));
        told = now;
        tokio::time::sleep(every).await;
    }
}

fn tell(stock: Stock) -> Label {
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
