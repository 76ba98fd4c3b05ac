//! What was granted and paid, as columns.

use crate::domain::goods::Goods;
use crate::domain::id::{ClientId, Id};
use crate::domain::state::{Changes, State};

pub(super) struct Granted {
    pub(super) goods: Vec<i64>,
    pub(super) units: Vec<i64>,
}

impl Granted {
    pub(super) fn of(changes: &Changes) -> Self {
        let (goods, units) = changes.granted.iter().unzip();
        Self { goods, units }
    }
}

#[derive(Default)]
pub(super) struct Spent {
    pub(super) clients: Vec<String>,
    pub(super) players: Vec<String>,
    pub(super) assets: Vec<String>,
    pub(super) amounts: Vec<i64>,
}

impl Spent {
    pub(super) fn of(changes: &Changes) -> Self {
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

/// Units of goods granted to players or clients, and the caps.
#[derive(Default)]
pub(super) struct Usage {
    pub(super) clients: Vec<String>,
    pub(super) goods: Vec<i64>,
    /// Of clients as a whole, none.
    pub(super) players: Vec<String>,
    pub(super) units: Vec<i64>,
    pub(super) caps: Vec<i64>,
}

impl Usage {
    pub(super) fn of_players(changes: &Changes, state: &State) -> Self {
        Self::of(changes.player_usage.iter().map(|((row, (client, player)), units)| {
            (*row, client, Some(player), *units, cap(state, *row, |goods| goods.per_player))
        }))
    }

    pub(super) fn of_clients(changes: &Changes, state: &State) -> Self {
        Self::of(changes.client_usage.iter().map(|((row, client), units)| {
            (*row, client, None, *units, cap(state, *row, |goods| goods.per_client))
        }))
    }

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
