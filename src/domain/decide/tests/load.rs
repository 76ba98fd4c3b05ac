//! Loads a `World` into a `State`, as the store would.

use super::ask::{Ask, pin_hash};
use super::shop::{Code, NOW, Name, Row, World, at, client, id, player, row};
use crate::domain::fold::folded;
use crate::domain::goods::{Goods, Scope};
use crate::domain::id::{ClientId, Id};
use crate::domain::request::Target;
use crate::domain::state::{Branch, Coupon, FreeCode, FreeCodes, PinFailure, State, Stored};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use uuid::Uuid;

impl World {
    pub(super) fn state(&self) -> State {
        let mut state = State {
            clients: self.clients.iter().map(|(id, end)| (client(id), end.map(at))).collect(),
            stored_results: self.stored.iter().map(stored).collect(),
            players: self.players.iter().map(|p| (player(p.0, p.1), BTreeMap::new())).collect(),
            ..State::default()
        };
        for (client, name, asset, units) in &self.balances {
            let balance = state.players.get_mut(&player(client, name)).expect("a player");
            balance.insert(asset.parse().expect("an asset"), *units);
        }
        for (place, terms) in self.goods.iter().enumerate() {
            let loaded = self.load_goods(place, terms);
            let by_group = terms.group.map(|group| Target::Group(id(group)));
            for target in [Some(Target::Goods(id(terms.goods_id))), by_group].into_iter().flatten()
            {
                state.names.insert((loaded.scope.clone(), target), loaded.row);
            }
            if terms.group.is_some() {
                let loaded_codes = self.load_free_codes(place);
                state.free_codes.insert(loaded.row, FreeCodes { loaded: loaded_codes, beyond: 0 });
            }
            state.goods.insert(loaded.row, Arc::new(loaded));
        }
        self.load_usage(&mut state);
        self.load_coupons(&mut state);
        state
    }

    fn load_goods(&self, place: usize, terms: &Row) -> Goods {
        let price: Vec<String> = terms.price.iter().map(|(a, n)| format!("{a}={n}")).collect();
        let granted = self.grants.iter().filter(|grant| grant.0 == place).map(|grant| grant.3);
        Goods {
            row: row(place),
            scope: terms.owner.map_or(Scope::Sponsored, |owner| Scope::Client(client(owner))),
            sponsor: terms.owner.is_none().then(|| "a sponsor".to_owned()),
            goods_id: id(terms.goods_id),
            name: terms.goods_id.to_owned(),
            group: terms.group.map(id),
            quantity: terms.quantity,
            per_player: terms.per_player,
            per_client: terms.per_client,
            price: price.join(";").parse().expect("a price"),
            starts_at: terms.starts.map(at),
            ends_at: terms.ends.map(at),
            coupon_expires_at: terms.coupon_end.map(at),
            coupon_days: terms.coupon_days,
            fold_case: terms.fold_case,
            granted: granted.sum(),
        }
    }

    fn load_free_codes(&self, place: usize) -> VecDeque<FreeCode> {
        let mut free: Vec<&Code> =
            self.codes.iter().filter(|c| c.goods == place && c.holder.is_none()).collect();
        free.sort_by_key(|code| code.expires.unwrap_or(i64::MAX));
        let load = |c: &Code| {
            let (code, shown) = (self.key(c.goods, c.code), id(c.code));
            let shown = (shown != code).then_some(shown);
            FreeCode { code, shown, expires_at: c.expires.map(at) }
        };
        free.into_iter().map(load).collect()
    }

    /// As the pool at this place stores the code.
    fn key(&self, place: usize, code: Name) -> Id {
        let code = id(code);
        if self.goods[place].fold_case { folded(&code) } else { code }
    }

    fn load_usage(&self, state: &mut State) {
        for &(place, client_id, name, units) in &self.grants {
            if self.goods[place].per_player.is_some() {
                let usage = (row(place), player(client_id, name));
                *state.player_usage.entry(usage).or_default() += units;
            }
            if self.goods[place].per_client.is_some() {
                *state.client_usage.entry((row(place), client(client_id))).or_default() += units;
            }
        }
    }

    fn load_coupons(&self, state: &mut State) {
        for code in &self.codes {
            let coupon = Coupon {
                holder: code.holder.map(|(client, name)| player(client, name)),
                valid_until: code.valid_until.map(at),
                used: code.used.map(|(branch, when)| (branch.to_owned(), at(when))),
            };
            state.coupons.insert((row(code.goods), self.key(code.goods, code.code)), coupon);
        }
        for (number, (place, name, key_id, pin)) in (1..).zip(&self.branches) {
            state.branches.entry(row(*place)).or_default().push(Branch {
                row: number,
                name: (*name).to_owned(),
                key_id: (*key_id).to_owned(),
                pin_hash: pin_hash(key_id, pin),
            });
        }
        for wrong in &self.wrong_pins {
            let failures = state.pin_failures.entry((client(wrong.client), row(wrong.goods)));
            failures.or_default().push(PinFailure {
                code: self.key(wrong.goods, wrong.code),
                at: at(wrong.at),
                forgiven: wrong.forgiven,
            });
        }
    }
}

fn stored((ask, answer): &(Ask, String)) -> ((ClientId, Uuid), Arc<Stored>) {
    let job = ask.job();
    let stored = Stored {
        content: job.content,
        accepted_at: job.accepted_at,
        decided_at: NOW,
        body: answer.clone(),
    };
    (job.ledger_key(), Arc::new(stored))
}
