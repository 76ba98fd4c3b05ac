//! What the rows of a goods import mean for the goods there are. No I/O.

use super::header::Header;
use super::report::{Applied, BadRow};
use crate::admin::owner::Owner;
use crate::domain::goods::{Goods, Price};
use crate::domain::id::Id;
use crate::store::imports::goods::StagedGoods;
use std::collections::HashMap;

/// One owner's goods under their locks, with the changes so far.
pub(super) struct Catalogue<'a> {
    owner: &'a Owner,
    goods: HashMap<Id, Goods>,
    groups: HashMap<Id, Id>,
    plan: Plan,
}

/// What is to be written.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) applied: Applied,
    /// Goods as they shall be.
    pub(super) write: Vec<Goods>,
    /// Row numbers of granted goods that now have a per-player limit and had none.
    pub(super) limit_players: Vec<i64>,
    /// The same for the limit of each client.
    pub(super) limit_clients: Vec<i64>,
}

impl<'a> Catalogue<'a> {
    /// Over all goods that have an id or a group of the rows to come.
    pub(super) fn new(owner: &'a Owner, locked: Vec<Goods>) -> Self {
        let groups = locked.iter().filter_map(|g| Some((g.group.clone()?, g.goods_id.clone())));
        let groups = groups.collect();
        let goods = locked.into_iter().map(|goods| (goods.goods_id.clone(), goods)).collect();
        Self { owner, goods, groups, plan: Plan::default() }
    }

    /// Takes a row into the plan. Only the columns of the header change anything.
    pub(super) fn take(&mut self, line: i64, first_line: i64, row: StagedGoods, header: &Header) {
        let taken = if first_line < line {
            Err(format!("goods `{}` are on line {first_line} already", row.goods_id))
        } else {
            self.change(row, header)
        };
        if let Err(reason) = taken {
            self.plan.applied.refused.push(BadRow { line: line as u64, reason });
        }
    }

    pub(super) fn into_plan(self) -> Plan {
        self.plan
    }

    fn change(&mut self, row: StagedGoods, header: &Header) -> Result<(), String> {
        let current = self.goods.get(&row.goods_id);
        let unlimited = || Goods {
            row: 0,
            scope: self.owner.scope(),
            sponsor: self.owner.sponsor().map(str::to_owned),
            goods_id: row.goods_id.clone(),
            name: row.goods_id.to_string(),
            group: None,
            quantity: None,
            per_player: None,
            per_client: None,
            price: Price::default(),
            starts_at: None,
            ends_at: None,
            coupon_expires_at: None,
            coupon_days: None,
            fold_case: false,
            granted: 0,
        };
        let goods = changed(current.cloned().unwrap_or_else(unlimited), row, header);
        if let Some(current) = current {
            self.check_identity(current, &goods)?;
        }
        self.check_group(&goods)?;
        check(&goods)?;
        match current {
            Some(current) if *current == goods => return Ok(()),
            Some(current) => {
                self.plan.applied.updated += 1;
                // Counting reads the whole ledger; of goods never granted it has nothing.
                let granted = current.granted > 0;
                if granted && current.per_player.is_none() && goods.per_player.is_some() {
                    self.plan.limit_players.push(goods.row);
                }
                if granted && current.per_client.is_none() && goods.per_client.is_some() {
                    self.plan.limit_clients.push(goods.row);
                }
            }
            None => self.plan.applied.added += 1,
        }
        if let Some(group) = &goods.group {
            self.groups.insert(group.clone(), goods.goods_id.clone());
        }
        self.plan.write.push(goods);
        Ok(())
    }

    /// Codes, branches and grants hang on these.
    fn check_identity(&self, current: &Goods, goods: &Goods) -> Result<(), String> {
        match (&current.sponsor, &current.group) {
            (Some(sponsor), _) if Some(sponsor.as_str()) != self.owner.sponsor() => {
                Err(format!("goods_id `{}` belongs to sponsor `{sponsor}`", goods.goods_id))
            }
            (_, group) if *group == goods.group => Ok(()),
            (_, Some(group)) => Err(format!("group: it is `{group}`, and cannot change")),
            (_, None) => Err("group: goods created without one cannot become a pool".to_owned()),
        }
    }

    fn check_group(&self, goods: &Goods) -> Result<(), String> {
        let Some(group) = &goods.group else { return Ok(()) };
        match self.groups.get(group) {
            Some(holder) if *holder != goods.goods_id => {
                Err(format!("group `{group}` belongs to goods `{holder}` already"))
            }
            _ => Ok(()),
        }
    }
}

fn changed(mut goods: Goods, row: StagedGoods, header: &Header) -> Goods {
    fn set<T>(header: &Header, column: &str, field: &mut T, value: T) {
        if header.has(column) {
            *field = value;
        }
    }
    let name = row.name.unwrap_or_else(|| row.goods_id.to_string());
    set(header, "name", &mut goods.name, name);
    set(header, "group", &mut goods.group, row.group);
    set(header, "quantity", &mut goods.quantity, row.quantity);
    set(header, "per_player", &mut goods.per_player, row.per_player);
    set(header, "per_client", &mut goods.per_client, row.per_client);
    set(header, "price", &mut goods.price, row.price);
    set(header, "starts_at", &mut goods.starts_at, row.starts_at);
    set(header, "ends_at", &mut goods.ends_at, row.ends_at);
    set(header, "coupon_expires_at", &mut goods.coupon_expires_at, row.coupon_expires_at);
    set(header, "coupon_days", &mut goods.coupon_days, row.coupon_days);
    goods
}

fn check(goods: &Goods) -> Result<(), String> {
    let is_pool = goods.group.is_some();
    match goods.quantity {
        Some(_) if is_pool => {
            return Err("quantity: must be empty for a pool, whose stock is its codes".to_owned());
        }
        Some(quantity) if quantity < goods.granted => {
            return Err(format!("quantity: {} were granted already", goods.granted));
        }
        _ => {}
    }
    if !is_pool && (goods.coupon_expires_at.is_some() || goods.coupon_days.is_some()) {
        return Err("coupon_expires_at, coupon_days: only pools have coupons".to_owned());
    }
    match (goods.starts_at, goods.ends_at) {
        (Some(start), Some(end)) if start >= end => {
            Err("ends_at: must be later than starts_at".to_owned())
        }
        _ => Ok(()),
    }
}
