//! Goods: new ones, and changes of those there are.

use super::{Chunk, CopyText, Staged};
use crate::domain::goods::{Goods, Price, Scope};
use crate::domain::id::Id;
use crate::store::error::{Result, StoreError};
use sqlx::PgExecutor;
use time::OffsetDateTime;

/// A row of the file. What is absent was left empty, or has no column in the file.
#[derive(Debug, Clone, PartialEq)]
pub struct StagedGoods {
    pub goods_id: Id,
    pub name: Option<String>,
    pub group: Option<Id>,
    pub quantity: Option<i64>,
    pub per_player: Option<i64>,
    /// Units for all players of one client.
    pub per_client: Option<i64>,
    pub price: Price,
    pub starts_at: Option<OffsetDateTime>,
    pub ends_at: Option<OffsetDateTime>,
    /// When coupons expire at the latest.
    pub coupon_expires_at: Option<OffsetDateTime>,
    /// After how many days they do.
    pub coupon_days: Option<i32>,
}

impl Staged for StagedGoods {
    const TABLE: &'static str = "staged_goods";
    const COLUMNS: &'static str = "goods_id, name, group_name, quantity, per_player, per_client, price, \
                                   starts_at, ends_at, coupon_expires_at, coupon_days";
    const KEY: &'static [&'static str] = &["goods_id"];

    fn copy(&self, text: &mut CopyText) {
        text.text(Some(self.goods_id.as_str()));
        text.text(self.name.as_deref());
        text.text(self.group.as_ref().map(Id::as_str));
        text.whole(self.quantity);
        text.whole(self.per_player);
        text.whole(self.per_client);
        text.text(Some(&self.price.to_string()));
        text.time(self.starts_at);
        text.time(self.ends_at);
        text.time(self.coupon_expires_at);
        text.whole(self.coupon_days.map(i64::from));
    }
}

/// A row with its line, and the first line on which its goods stand.
#[derive(Debug)]
pub struct Line {
    pub line: i64,
    /// Equal to it, unless the goods stand in the file before.
    pub first_line: i64,
    pub row: StagedGoods,
}

/// Imports of one owner's goods take turns from here to the end of their transactions: two that
/// both find the same goods missing would otherwise collide.
pub async fn take_turns(db: impl PgExecutor<'_>, scope: &Scope) -> Result<()> {
    sqlx::query!(
        "select pg_advisory_xact_lock(hashtextextended('goods import ' || $1, 0))",
        scope.as_str()
    )
    .fetch_one(db)
    .await?;
    Ok(())
}

/// The rows of a chunk.
pub async fn lines(db: impl PgExecutor<'_>, chunk: Chunk) -> Result<Vec<Line>> {
    let rows = sqlx::query!(
        r#"select s.line, s.goods_id, s.name, s.group_name, s.quantity, s.per_player, s.per_client,
                  s.price, s.starts_at, s.ends_at, s.coupon_expires_at, s.coupon_days,
                  (select min(f.line) from staged_goods f where f.goods_id = s.goods_id) as "first_line!"
           from staged_goods s where s.place > $1 and s.place <= $2 order by s.place"#,
        chunk.after,
        chunk.upto,
    )
    .fetch_all(db)
    .await?;
    let mut lines = Vec::with_capacity(rows.len());
    for row in rows {
        let price = row.price.parse().map_err(|_| StoreError::Unreadable {
            column: "staged_goods.price",
            text: row.price.clone(),
        })?;
        let goods = StagedGoods {
            goods_id: Id::trusted(row.goods_id),
            name: row.name,
            group: row.group_name.map(Id::trusted),
            quantity: row.quantity,
            per_player: row.per_player,
            per_client: row.per_client,
            price,
            starts_at: row.starts_at,
            ends_at: row.ends_at,
            coupon_expires_at: row.coupon_expires_at,
            coupon_days: row.coupon_days,
        };
        lines.push(Line { line: row.line, first_line: row.first_line, row: goods });
    }
    Ok(lines)
}

/// Writes goods as they shall be, new or not. Counters stay as they are, and so do owner and group.
pub async fn upsert(db: impl PgExecutor<'_>, goods: &[Goods]) -> Result<()> {
    let texts = |of: fn(&Goods) -> String| goods.iter().map(of).collect::<Vec<_>>();
    let wholes = |of: fn(&Goods) -> Option<i64>| goods.iter().map(of).collect::<Vec<_>>();
    let times = |of: fn(&Goods) -> Option<OffsetDateTime>| goods.iter().map(of).collect::<Vec<_>>();
    let sponsors: Vec<Option<String>> = goods.iter().map(|g| g.sponsor.clone()).collect();
    let groups: Vec<Option<String>> =
        goods.iter().map(|g| g.group.as_ref().map(Id::to_string)).collect();
    let days: Vec<Option<i32>> = goods.iter().map(|g| g.coupon_days).collect();
    sqlx::query!(
        r#"insert into goods (scope, sponsor, goods_id, name, group_name, quantity, per_player, per_client,
                              price, starts_at, ends_at, coupon_expires_at, coupon_days)
           select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[],
                                $7::bigint[], $8::bigint[], $9::text[], $10::timestamptz[],
                                $11::timestamptz[], $12::timestamptz[], $13::int[])
           on conflict (scope, goods_id) do update
           set name = excluded.name, quantity = excluded.quantity, per_player = excluded.per_player,
               per_client = excluded.per_client, price = excluded.price,
               starts_at = excluded.starts_at, ends_at = excluded.ends_at,
               coupon_expires_at = excluded.coupon_expires_at, coupon_days = excluded.coupon_days"#,
        &texts(|g| g.scope.as_str().to_owned()),
        &sponsors as &[Option<String>],
        &texts(|g| g.goods_id.to_string()),
        &texts(|g| g.name.clone()),
        &groups as &[Option<String>],
        &wholes(|g| g.quantity) as &[Option<i64>],
        &wholes(|g| g.per_player) as &[Option<i64>],
        &wholes(|g| g.per_client) as &[Option<i64>],
        &texts(|g| g.price.to_string()),
        &times(|g| g.starts_at) as &[Option<OffsetDateTime>],
        &times(|g| g.ends_at) as &[Option<OffsetDateTime>],
        &times(|g| g.coupon_expires_at) as &[Option<OffsetDateTime>],
        &days as &[Option<i32>],
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Counts afresh what players got of goods that now have a per-player limit and had none before:
/// usage is kept only under a limit, so what is there may be old. Who has more than the new limit
/// keeps it and gets nothing more.
pub async fn count_players_afresh(db: impl PgExecutor<'_>, goods: &[i64]) -> Result<()> {
    sqlx::query!(
        r#"insert into player_usage (client_id, goods, player_id, granted, cap)
           select l.client_id, g.id, l.player_id, sum(l.granted), greatest(g.per_player, sum(l.granted))
           from goods g join ledger l on l.goods = g.id
           where g.id = any($1) and l.granted > 0
           group by l.client_id, g.id, l.player_id
           on conflict (client_id, goods, player_id)
           do update set granted = excluded.granted, cap = excluded.cap"#,
        goods
    )
    .execute(db)
    .await?;
    Ok(())
}

/// The same for the limit of each client.
pub async fn count_clients_afresh(db: impl PgExecutor<'_>, goods: &[i64]) -> Result<()> {
    sqlx::query!(
        r#"insert into client_usage (client_id, goods, granted, cap)
           select l.client_id, g.id, sum(l.granted), greatest(g.per_client, sum(l.granted))
           from goods g join ledger l on l.goods = g.id
           where g.id = any($1) and l.granted > 0
           group by l.client_id, g.id
           on conflict (client_id, goods)
           do update set granted = excluded.granted, cap = excluded.cap"#,
        goods
    )
    .execute(db)
    .await?;
    Ok(())
}
