//! What the tests talk about: a small shop of flat lists, with instants in seconds from now.

use super::ask::Ask;
use crate::domain::goods::Asset;
use crate::domain::id::{ClientId, Id};
use time::macros::datetime;
use time::{Duration, OffsetDateTime};

pub(super) const NOW: OffsetDateTime = datetime!(2026-03-01 12:00 UTC);
pub(super) const DAY: i64 = 86_400;

/// Seconds from now to an instant.
pub(super) fn at(seconds: i64) -> OffsetDateTime {
    NOW + Duration::seconds(seconds)
}

pub(super) type Name = &'static str;

/// One goods row; without an owner it is sponsored.
#[derive(Debug, Clone, Default)]
pub(super) struct Row {
    pub(super) owner: Option<Name>,
    pub(super) goods_id: Name,
    pub(super) group: Option<Name>,
    pub(super) quantity: Option<i64>,
    pub(super) per_player: Option<i64>,
    pub(super) per_client: Option<i64>,
    pub(super) price: Vec<(Name, i64)>,
    pub(super) starts: Option<i64>,
    pub(super) ends: Option<i64>,
    pub(super) coupon_end: Option<i64>,
    pub(super) coupon_days: Option<i32>,
    pub(super) fold_case: bool,
}

pub(super) fn own(goods_id: Name) -> Row {
    Row { owner: Some("acme"), ..sponsored(goods_id) }
}

pub(super) fn sponsored(goods_id: Name) -> Row {
    Row { goods_id, ..Row::default() }
}

pub(super) fn pool(owner: Option<Name>, goods_id: Name, group: Name) -> Row {
    Row { owner, group: Some(group), ..sponsored(goods_id) }
}

/// A code of the pool at this place of `World::goods`.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Code {
    pub(super) goods: usize,
    pub(super) code: Name,
    pub(super) expires: Option<i64>,
    pub(super) holder: Option<(Name, Name)>,
    pub(super) valid_until: Option<i64>,
    pub(super) used: Option<(Name, i64)>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct WrongPin {
    pub(super) client: Name,
    pub(super) goods: usize,
    pub(super) code: Name,
    pub(super) at: i64,
    pub(super) forgiven: bool,
}

/// Everything there is, as flat lists. Places in `goods` name goods.
#[derive(Debug, Clone, Default)]
pub(super) struct World {
    pub(super) age_max: Option<i64>,
    /// Since when it is disabled.
    pub(super) clients: Vec<(Name, Option<i64>)>,
    pub(super) players: Vec<(Name, Name)>,
    /// Client, player, asset, units.
    pub(super) balances: Vec<(Name, Name, Name, i64)>,
    pub(super) goods: Vec<Row>,
    /// Goods, client, player, units.
    pub(super) grants: Vec<(usize, Name, Name, i64)>,
    pub(super) codes: Vec<Code>,
    /// Goods, name, key id, PIN.
    pub(super) branches: Vec<(usize, Name, Name, Name)>,
    pub(super) wrong_pins: Vec<WrongPin>,
    /// What the ledger holds: the job and its answer.
    pub(super) stored: Vec<(Ask, String)>,
}

impl World {
    /// Two clients and three players, two of them of the same name.
    pub(super) fn with(goods: impl Into<Vec<Row>>) -> Self {
        Self {
            clients: vec![("acme", None), ("bolt", None)],
            players: vec![("acme", "ann"), ("acme", "bob"), ("bolt", "ann")],
            goods: goods.into(),
            ..Self::default()
        }
    }

    /// Adds free codes to the first goods.
    pub(super) fn codes(mut self, codes: &[(Name, Option<i64>)]) -> Self {
        self.codes.extend(codes.iter().map(|&(code, expires)| Code {
            code,
            expires,
            ..Code::default()
        }));
        self
    }

    /// Gives ann of acme what she pays with.
    pub(super) fn balance(mut self, assets: &[(Name, i64)]) -> Self {
        self.balances.extend(assets.iter().map(|&(asset, units)| ("acme", "ann", asset, units)));
        self
    }
}

/// Row number of the goods at this place.
pub(super) fn row(place: usize) -> i64 {
    place as i64 + 1
}

pub(super) fn id(text: &str) -> Id {
    Id::parse(text).expect("an id")
}

pub(super) fn client(text: &str) -> ClientId {
    ClientId::parse(text).expect("a client id")
}

pub(super) fn player(client_id: &str, name: &str) -> (ClientId, Id) {
    (client(client_id), id(name))
}

pub(super) fn asset(text: &str) -> Asset {
    text.parse().expect("an asset")
}
