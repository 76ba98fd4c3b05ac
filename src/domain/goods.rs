//! What is redeemed: goods, their price and their window.

use super::fold::folded;
use super::id::{ClientId, Id};
use super::whole::whole;
use std::fmt;
use std::str::FromStr;
use time::{Duration, OffsetDateTime};

/// Most units that one job may ask for.
pub const AMOUNT_MAX: i64 = 10_000;

/// Whose goods: one client's own, or the sponsors' (offered to every client).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scope {
    /// Seen by this client only.
    Client(ClientId),
    /// Goods ids and groups are unique over all sponsors, so they share one scope.
    Sponsored,
}

impl Scope {
    /// As stored: `*` can't be a client id.
    pub fn as_str(&self) -> &str {
        match self {
            Scope::Client(client) => client.as_str(),
            Scope::Sponsored => "*",
        }
    }

    /// Back from the stored text.
    pub fn trusted(text: String) -> Self {
        if text == "*" { Scope::Sponsored } else { Scope::Client(ClientId::trusted(text)) }
    }
}

/// What a price or a balance is counted in. Sorts in the order of the checks: points, badges, custom.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Asset {
    /// The client's points.
    Point,
    /// A badge by its id.
    Badge(Id),
    /// A custom currency by its id.
    Custom(Id),
}

impl fmt::Display for Asset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Asset::Point => f.write_str("point"),
            Asset::Badge(id) => write!(f, "badge:{id}"),
            Asset::Custom(id) => write!(f, "custom:{id}"),
        }
    }
}

/// A price or asset that can't be read. It repeats nothing of the text, which may be a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadPrice {
    /// Neither `point`, `badge:<id>` nor `custom:<id>`.
    #[error("is no asset: use point, badge:<id> or custom:<id>")]
    Asset,
    /// No `=`, or no whole number of 1 or more behind it.
    #[error(
        "is no price: use asset=amount with a whole amount from 1 to 1000000000000, parted by `;`"
    )]
    Amount,
    /// The same asset twice.
    #[error("names an asset twice")]
    Repeated,
}

impl FromStr for Asset {
    type Err = BadPrice;

    fn from_str(text: &str) -> Result<Self, BadPrice> {
        let bad = || BadPrice::Asset;
        // `;` and `=` are the price column's own punctuation.
        let id = |id: &str| match Id::parse(id) {
            Ok(id) if !id.as_str().contains([';', '=']) => Ok(id),
            _ => Err(bad()),
        };
        match text.split_once(':') {
            None if text == "point" => Ok(Asset::Point),
            Some(("badge", badge)) => id(badge).map(Asset::Badge),
            Some(("custom", custom)) => id(custom).map(Asset::Custom),
            _ => Err(bad()),
        }
    }
}

/// What one unit costs; all parts are required together. Sorted by asset, each asset once.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Price(Vec<(Asset, i64)>);

/// Most units of one asset that a price may name: amount x price stays far inside 64 bits.
const PRICE_MAX: i64 = 1_000_000_000_000;

impl Price {
    /// The parts, points first, then badges, then custom currencies.
    pub fn parts(&self) -> &[(Asset, i64)] {
        &self.0
    }

    /// Whether nothing is charged.
    pub fn is_free(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromStr for Price {
    type Err = BadPrice;

    /// Reads `point=50;badge:gold=1;custom:gem=2`; an empty text is free of charge.
    fn from_str(text: &str) -> Result<Self, BadPrice> {
        let mut parts = Vec::new();
        for part in text.split(';').map(str::trim).filter(|part| !part.is_empty()) {
            let bad = || BadPrice::Amount;
            let (asset, amount) = part.rsplit_once('=').ok_or_else(bad)?;
            let asset: Asset = asset.trim().parse()?;
            let amount: i64 = whole(amount).map_err(|_| bad())?;
            if !(1..=PRICE_MAX).contains(&amount) {
                return Err(bad());
            }
            parts.push((asset, amount));
        }
        parts.sort();
        match parts.windows(2).any(|pair| pair[0].0 == pair[1].0) {
            true => Err(BadPrice::Repeated),
            false => Ok(Self(parts)),
        }
    }
}

impl fmt::Display for Price {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, (asset, amount)) in self.0.iter().enumerate() {
            let parted = if i == 0 { "" } else { ";" };
            write!(f, "{parted}{asset}={amount}")?;
        }
        Ok(())
    }
}

/// One goods row under its lock, as loaded for a batch.
#[derive(Debug, Clone, PartialEq)]
pub struct Goods {
    /// The row's own number.
    pub row: i64,
    /// Who may redeem it.
    pub scope: Scope,
    /// The sponsor's name, for sponsored goods.
    pub sponsor: Option<String>,
    /// The id by which callers name it.
    pub goods_id: Id,
    /// For people.
    pub name: String,
    /// Set for a pool of single-use codes.
    pub group: Option<Id>,
    /// Units there are in total; none for a pool, whose stock is its codes.
    pub quantity: Option<i64>,
    /// Units that one player may get.
    pub per_player: Option<i64>,
    /// Units that all players of one client may get.
    pub per_client: Option<i64>,
    /// What one unit costs.
    pub price: Price,
    /// First instant of the redeem window.
    pub starts_at: Option<OffsetDateTime>,
    /// First instant after the redeem window.
    pub ends_at: Option<OffsetDateTime>,
    /// When coupons of this pool expire at the latest.
    pub coupon_expires_at: Option<OffsetDateTime>,
    /// Days from accepted_at after which a granted coupon expires.
    pub coupon_days: Option<i32>,
    /// Codes of this pool that differ in case alone are one.
    pub fold_case: bool,
    /// Units granted so far.
    pub granted: i64,
}

impl Goods {
    /// Whether the window `[starts_at, ends_at)` holds this instant.
    pub fn is_open_at(&self, at: OffsetDateTime) -> bool {
        self.starts_at.is_none_or(|start| start <= at) && self.ends_at.is_none_or(|end| at < end)
    }

    /// The coupon that is meant by a code as somebody spelled it.
    pub fn coupon_key(&self, code: &Id) -> Id {
        if self.fold_case { folded(code) } else { code.clone() }
    }

    /// When a coupon granted by a job accepted then expires: the earliest of the bounds there are.
    pub fn coupon_expiry(
        &self,
        of_code: Option<OffsetDateTime>,
        accepted_at: OffsetDateTime,
    ) -> Option<OffsetDateTime> {
        let by_days =
            self.coupon_days.and_then(|days| accepted_at.checked_add(Duration::days(days.into())));
        [self.coupon_expires_at, of_code, by_days].into_iter().flatten().min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_price_reads_back_as_it_was_written() {
        for (text, canonical) in [
            ("", ""),
            ("point=50", "point=50"),
            ("custom:gem=2; badge:gold=1 ;point=50", "point=50;badge:gold=1;custom:gem=2"),
        ] {
            assert_eq!(text.parse::<Price>().map(|p| p.to_string()), Ok(canonical.to_owned()));
        }
    }

    #[test]
    fn a_bad_price_is_refused() {
        assert_eq!("point=50.0".parse(), "point=50".parse::<Price>());
        for bad in [
            "point=1.000",
            "point=1,000",
            "point=0.5",
            "point",
            "point=0",
            "point=-1",
            "point=x",
            "coin=1",
            "badge:=1",
            "point=1;point=2",
            "badge=1",
        ] {
            assert!(bad.parse::<Price>().is_err(), "{bad} was accepted");
        }
    }
}
