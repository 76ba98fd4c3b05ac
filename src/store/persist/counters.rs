//! Counters and balances: one guarded update a row, whatever the number of jobs, and one statement for
//! all of them. Their rows lie below the locks of the goods and balances, so that the order in which
//! it comes to them is no matter.

use crate::domain::goods::Goods;
use crate::domain::id::{ClientId, Id};
use crate::domain::state::{Changes, State};
use crate::store::error::{Result, all_changed};
use sqlx::PgExecutor;

/// Adds what was granted, by goods and by whoever is limited, and takes what was paid.
pub(super) async fn count(db: impl PgExecutor<'_>, changes: &Changes, state: &State) -> Result<()> {
    let (goods, granted): (Vec<i64>, Vec<i64>) = changes.granted.iter().unzip();
    let spent = Spent::of(changes);
    let players = Usage::of(changes.player_usage.iter().map(|((row, (client, player)), units)| {
        (*row, client, Some(player), *units, cap(state, *row, |goods| goods.per_player))
    }));
    let clients = Usage::of(changes.client_usage.iter().map(|((row, client), units)| {
        (*row, client, None, *units, cap(state, *row, |goods| goods.per_client))
    }));
    let changed = sqlx::query!(
        r#"with counted as (
               update goods set granted = granted + d.units
               from unnest($1::bigint[], $2::bigint[]) as d (goods, units) where id = d.goods
               returning id),
           charged as (
               update balance b set amount = b.amount - d.spent
               from unnest($3::text[], $4::text[], $5::text[], $6::bigint[])
                    as d (client_id, player_id, asset, spent)
               where b.client_id = d.client_id and b.player_id = d.player_id and b.asset = d.asset
               returning b.asset),
           of_players as (
               insert into player_usage as u (client_id, goods, player_id, granted, cap)
               select * from unnest($7::text[], $8::bigint[], $9::text[], $10::bigint[], $11::bigint[])
               on conflict (client_id, goods, player_id)
               do update set granted = u.granted + excluded.granted, cap = excluded.cap),
           of_clients as (
               insert into client_usage as u (client_id, goods, granted, cap)
               select * from unnest($12::text[], $13::bigint[], $14::bigint[], $15::bigint[])
               on conflict (client_id, goods)
               do update set granted = u.granted + excluded.granted, cap = excluded.cap)
           select (select count(*) from counted) as "goods!",
                  (select count(*) from charged) as "balances!""#,
        &goods,
        &granted,
        &spent.clients,
        &spent.players,
        &spent.assets,
        &spent.amounts,
        &players.clients,
        &players.goods,
        &players.players,
        &players.units,
        &players.caps,
        &clients.clients,
        &clients.goods,
        &clients.units,
        &clients.caps,
    )
    .fetch_one(db)
    .await?;
    all_changed("goods", goods.len(), changed.goods as u64)?;
    all_changed("balance", spent.amounts.len(), changed.balances as u64)
}

/// What players paid, as columns.
#[derive(Default)]
struct Spent {
    clients: Vec<String>,
    players: Vec<String>,
    assets: Vec<String>,
    amounts: Vec<i64>,
}

impl Spent {
    fn of(changes: &Changes) -> Self {
        let mut spent = Self::default();
        for (((client, player), asset), amount) in &changes.spent {
            spent.clients.push(client.to_string());
            spent.players.push(player.to_string());
            spent.assets.push(asset.to_string());
            spent.amounts.push(*amount);
        }
        spent
    }
}

/// What somebody has got of goods, and may get, as columns.
#[derive(Default)]
struct Usage {
    clients: Vec<String>,
    goods: Vec<i64>,
    players: Vec<String>,
    units: Vec<i64>,
    caps: Vec<i64>,
}

impl Usage {
    fn of<'a>(used: impl Iterator<Item = (i64, &'a ClientId, Option<&'a Id>, i64, i64)>) -> Self {
        let mut usage = Self::default();
        for (goods, client, player, units, cap) in used {
            usage.clients.push(client.to_string());
            usage.goods.push(goods);
            usage.players.extend(player.map(Id::to_string));
            usage.units.push(units);
            usage.caps.push(cap);
        }
        usage
    }
}

fn cap(state: &State, goods: i64, of: fn(&Goods) -> Option<i64>) -> i64 {
    state.goods.get(&goods).and_then(|goods| of(goods)).unwrap_or(i64::MAX)
}
