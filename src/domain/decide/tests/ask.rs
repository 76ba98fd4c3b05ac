//! How the tests ask: one job in plain words, made into a real one through its own parser.

use super::shop::{Name, at, client};
use crate::domain::content::Content;
use crate::domain::job::Job;
use crate::domain::operation::Operation;
use crate::domain::params::Params;
use crate::domain::request::Request;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use uuid::Uuid;

/// One job; `at` is in seconds from now.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Ask {
    pub(super) key: u128,
    pub(super) client: Name,
    pub(super) operation: Operation,
    pub(super) target: Name,
    pub(super) player: Name,
    pub(super) amount: i64,
    pub(super) code: Name,
    pub(super) pin: Name,
    pub(super) pin_keys: &'static [Name],
    pub(super) at: i64,
}

/// Ann of acme asks, under an id of its own.
pub(super) fn redeem(operation: Operation, target: Name, amount: i64) -> Ask {
    static KEYS: AtomicU64 = AtomicU64::new(1 << 32);
    let key = KEYS.fetch_add(1, Ordering::Relaxed).into();
    let (code, pin, pin_keys): (_, _, &[Name]) = ("", "", &["new", "old"]);
    Ask {
        key,
        client: "acme",
        operation,
        target,
        player: "ann",
        amount,
        code,
        pin,
        pin_keys,
        at: 0,
    }
}

pub(super) fn goods(goods_id: Name, amount: i64) -> Ask {
    redeem(Operation::Goods, goods_id, amount)
}

pub(super) fn group(name: Name, amount: i64) -> Ask {
    redeem(Operation::GoodsGroup, name, amount)
}

pub(super) fn verify(group: Name, code: Name, pin: Name) -> Ask {
    Ask { code, pin, ..redeem(Operation::Verify, group, 1) }
}

impl Ask {
    pub(super) fn key(&self) -> Uuid {
        Uuid::from_u128(self.key)
    }

    pub(super) fn job(&self) -> Job {
        let hashes: BTreeMap<Name, String> =
            self.pin_keys.iter().map(|key| (*key, pin_hash(key, self.pin))).collect();
        let params = match self.operation {
            Operation::Verify => json!({
                "goods_group": self.target, "coupon_code": self.code, "pin_hashes": hashes,
            }),
            Operation::Goods | Operation::Sponsor => json!({
                "goods_id": self.target, "player_id": self.player, "amount": self.amount,
            }),
            Operation::GoodsGroup | Operation::SponsorGroup => json!({
                "group": self.target, "player_id": self.player, "amount": self.amount,
            }),
        };
        let params: Params = serde_json::from_value(params).expect("an object");
        let client = client(self.client);
        let request = Request::parse(self.operation, &client, &params);
        let content = match &request {
            Ok(request) => request.content(self.operation),
            Err(_) => Content::of_unacceptable(self.operation, &params),
        };
        Job {
            job_id: self.key().to_string(),
            key: self.key(),
            content,
            client,
            operation: self.operation,
            accepted_at: at(self.at),
            request,
        }
    }
}

/// What the ingress makes of a PIN under one of its secrets.
pub(super) fn pin_hash(key: Name, pin: Name) -> String {
    format!("{key}({pin})")
}
