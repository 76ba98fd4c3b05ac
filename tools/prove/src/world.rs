//! What there is to be had, known to the last unit before the first job: what the checker measures by.

use std::fmt::Write as _;
use std::sync::Arc;

/// The client sites.
pub const CLIENTS: [&str; 2] = ["acme", "zeta"];
/// Who gives the sponsored goods.
pub const SPONSOR: &str = "cola";
/// Players of each client.
pub const PLAYERS: u16 = 500;
/// Units of the mug that one player may have.
pub const MUGS_PER_PLAYER: i64 = 20;
/// More than any player owns, and the most that one job may ask for: asking for it is refused, and
/// the refusal says what is left.
pub const TOO_MANY: i64 = 10_000;

/// What players wish for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Goods {
    /// Sponsored, one row for both clients, with a stock and a cap for each client: the hot one.
    Rush,
    /// A client's own, without a stock, with a limit for each player.
    Mug,
    /// A client's own pool of codes, for nothing, that branches verify.
    Cinema,
    /// A sponsored pool of codes.
    Gift,
    /// Nobody wishes for it: asking for too many tells what a player has left.
    Priced,
}

impl Goods {
    pub const ALL: [Self; 5] = [Self::Rush, Self::Mug, Self::Cinema, Self::Gift, Self::Priced];

    pub fn name(self) -> &'static str {
        match self {
            Self::Rush => "rush",
            Self::Mug => "mug",
            Self::Cinema => "cinema",
            Self::Gift => "gift",
            Self::Priced => "priced",
        }
    }

    /// Points for a unit.
    pub fn price(self) -> i64 {
        match self {
            Self::Rush | Self::Gift | Self::Priced => 1,
            Self::Mug => 2,
            Self::Cinema => 0,
        }
    }

    pub fn is_sponsored(self) -> bool {
        matches!(self, Self::Rush | Self::Gift)
    }

    pub fn is_pool(self) -> bool {
        matches!(self, Self::Cinema | Self::Gift)
    }

    pub fn path(self) -> &'static str {
        match self {
            Self::Rush => "/Redeem/sponsor",
            Self::Gift => "/Redeem/sponsorGroup",
            Self::Mug | Self::Priced => "/Redeem/goods",
            Self::Cinema => "/Redeem/goodsGroup",
        }
    }

    pub fn operation(self) -> &'static str {
        match self {
            Self::Rush => "sponsor",
            Self::Gift => "sponsor_group",
            Self::Mug | Self::Priced => "goods",
            Self::Cinema => "goods_group",
        }
    }
}

/// What one client wants of the system, once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wish {
    Redeem { goods: Goods, player: u16, amount: i64 },
    Verify { goods: Goods, code: Arc<str> },
}

/// How much of everything there is.
#[derive(Debug, Clone)]
pub struct World {
    /// Units of the rush, for all.
    pub rush: i64,
    /// Units of the rush, for one client.
    pub rush_per_client: i64,
    /// Codes in each pool.
    pub codes: i64,
    /// Points of each player at the start.
    pub points: i64,
}

impl World {
    /// Sized so that in a campaign of so many jobs every bound is run into.
    pub fn for_jobs(jobs: u64) -> Self {
        let jobs = i64::try_from(jobs).unwrap_or(i64::MAX);
        let rush = (jobs * 3 / 10).max(10);
        let spent_by_each = jobs * 8 / 10 / (2 * i64::from(PLAYERS));
        Self {
            rush,
            rush_per_client: rush * 55 / 100,
            codes: (jobs / 20).max(10),
            points: (spent_by_each * 8 / 10).clamp(3, TOO_MANY - 1),
        }
    }

    /// The name of the `n`th code of a pool; each client's own pool has codes of its own.
    fn code(goods: Goods, client: usize, n: i64) -> String {
        let owner = if goods.is_sponsored() { SPONSOR } else { CLIENTS[client] };
        format!("{}-{owner}-{n}", goods.name())
    }

    /// Whether this pool, as this client sees it, ever held this code.
    pub fn holds(&self, goods: Goods, client: usize, code: &str) -> bool {
        let number = code.rsplit('-').next().and_then(|n| n.parse().ok());
        number.is_some_and(|n| (0..self.codes).contains(&n) && code == Self::code(goods, client, n))
    }

    /// The file of codes of a pool.
    pub fn codes_csv(&self, goods: Goods, client: usize) -> String {
        let mut rows = "code\n".to_owned();
        for n in 0..self.codes {
            rows.push_str(&Self::code(goods, client, n));
            rows.push('\n');
        }
        rows
    }

    /// The file of the sponsor's goods, or of a client's own.
    pub fn goods_csv(&self, sponsored: bool) -> String {
        let mut rows = "goods_id,name,group,quantity,per_player,per_client,price\n".to_owned();
        for goods in Goods::ALL.into_iter().filter(|goods| goods.is_sponsored() == sponsored) {
            let name = goods.name();
            let group = if goods.is_pool() { name } else { "" };
            let (quantity, per_client) = match goods {
                Goods::Rush => (self.rush.to_string(), self.rush_per_client.to_string()),
                _ => Default::default(),
            };
            let per_player = match goods {
                Goods::Mug => MUGS_PER_PLAYER.to_string(),
                _ => String::new(),
            };
            let price = match goods.price() {
                0 => String::new(),
                points => format!("point={points}"),
            };
            let _ = writeln!(
                rows,
                "{name},{name},{group},{quantity},{per_player},{per_client},{price}"
            );
        }
        rows
    }

    /// The file of a client's players.
    pub fn players_csv(&self) -> String {
        let mut rows = "player_id,asset,amount\n".to_owned();
        for player in 0..PLAYERS {
            let _ = writeln!(rows, "{},point,{}", player_id(player), self.points);
        }
        rows
    }
}

pub fn player_id(player: u16) -> String {
    format!("p{player}")
}
