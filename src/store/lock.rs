//! The row locks of a batch, always in this order: goods by number, then balances by key
//! (`known`). Everything else that belongs to goods (codes, usage, caps, wrong PINs) is protected
//! by the goods' lock, for verifying and importing as well. Each statement sorts before it locks, so two
//! batches can't deadlock.

use super::error::{Result, StoreError};
use crate::domain::goods::{Goods, Scope};
use crate::domain::id::Id;
use crate::domain::request::Target;
use crate::domain::state::Player;
use sqlx::PgExecutor;
use time::OffsetDateTime;

/// Names of goods or groups within their scopes, as two columns.
#[derive(Debug, Default)]
pub struct Names {
    /// [`Scope::as_str`].
    pub scopes: Vec<String>,
    /// Goods ids or group names.
    pub names: Vec<String>,
}

impl Names {
    pub(super) fn of(targets: impl IntoIterator<Item = (Scope, Target)>) -> (Self, Self) {
        let (mut ids, mut groups) = (Self::default(), Self::default());
        for (scope, target) in targets {
            let (names, name) = match target {
                Target::Goods(id) => (&mut ids, id),
                Target::Group(group) => (&mut groups, group),
            };
            names.scopes.push(scope.as_str().to_owned());
            names.names.push(name.to_string());
        }
        (ids, groups)
    }
}

#[derive(Debug, Default)]
pub struct Players {
    pub clients: Vec<String>,
    pub players: Vec<String>,
}

impl Players {
    pub(super) fn of<'a>(players: impl IntoIterator<Item = &'a Player>) -> Self {
        let columns = players.into_iter().map(|(c, p)| (c.to_string(), p.to_string()));
        let (clients, players) = columns.unzip();
        Self { clients, players }
    }
}

struct GoodsRow {
    id: i64,
    scope: String,
    sponsor: Option<String>,
    goods_id: String,
    name: String,
    group_name: Option<String>,
    quantity: Option<i64>,
    per_player: Option<i64>,
    per_client: Option<i64>,
    price: String,
    starts_at: Option<OffsetDateTime>,
    ends_at: Option<OffsetDateTime>,
    coupon_expires_at: Option<OffsetDateTime>,
    coupon_days: Option<i32>,
    fold_case: bool,
    granted: i64,
}

impl TryFrom<GoodsRow> for Goods {
    type Error = StoreError;

    fn try_from(row: GoodsRow) -> Result<Self> {
        let unreadable =
            |text: &str| StoreError::Unreadable { column: "goods.price", text: text.into() };
        Ok(Goods {
            row: row.id,
            scope: Scope::trusted(row.scope),
            sponsor: row.sponsor,
            goods_id: Id::trusted(row.goods_id),
            name: row.name,
            group: row.group_name.map(Id::trusted),
            quantity: row.quantity,
            per_player: row.per_player,
            per_client: row.per_client,
            price: row.price.parse().map_err(|_| unreadable(&row.price))?,
            starts_at: row.starts_at,
            ends_at: row.ends_at,
            coupon_expires_at: row.coupon_expires_at,
            coupon_days: row.coupon_days,
            fold_case: row.fold_case,
            granted: row.granted,
        })
    }
}

/// Locks the goods that are named, by id or by group, and returns them as they are now. Resolving
/// the names first is safe: neither they nor their rows ever change hands.
pub async fn goods(db: impl PgExecutor<'_>, ids: &Names, groups: &Names) -> Result<Vec<Goods>> {
    let rows = sqlx::query_as!(
        GoodsRow,
        r#"select id, scope, sponsor, goods_id, name, group_name, quantity, per_player, per_client,
                  price, starts_at, ends_at, coupon_expires_at, coupon_days, fold_case, granted
           from goods
           where id = any(array(
               select g.id from unnest($1::text[], $2::text[]) as wanted (scope, name)
               join goods g on g.scope = wanted.scope and g.goods_id = wanted.name
               union
               select g.id from unnest($3::text[], $4::text[]) as wanted (scope, name)
               join goods g on g.scope = wanted.scope and g.group_name = wanted.name))
           order by id
           for update"#,
        &ids.scopes,
        &ids.names,
        &groups.scopes,
        &groups.names,
    )
    .fetch_all(db)
    .await?;
    rows.into_iter().map(Goods::try_from).collect()
}
