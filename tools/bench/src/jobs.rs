//! The jobs of a load, written as the ingress writes them.

use crate::world::{self, CLIENT, POOL, World};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use redeemq::broker::publish::message::Outgoing;
use redeemq::broker::topology::REQUESTS;
use redeemq::broker::topology::lanes;
use redeemq::broker::{BasicProperties, short_string};
use redeemq::domain::goods::Scope;
use redeemq::domain::id::{ClientId, Id};
use redeemq::domain::job::{Job, key_for};
use redeemq::domain::operation::Operation;
use redeemq::domain::request::{Redeem, Request, Target, Verify};
use redeemq::secrets::Secrets;
use redeemq::wire;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use uuid::Uuid;

/// What the jobs want.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Sponsored goods for a point: one row, or a thousand.
    Sponsor { spread: bool },
    /// The client's own goods, for nothing.
    Goods { spread: bool },
    /// A code of one pool.
    Codes,
    /// To use up a code that was granted before.
    Verify,
}

/// What names a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keys {
    /// Drawn by the ingress: they follow one another in time.
    Drawn,
    /// From an Idempotency-Key: a hash, anywhere in the index.
    Hashed,
}

/// An endless supply of jobs, each with its number as correlation id.
pub struct Jobs {
    kind: Kind,
    keys: Keys,
    world: World,
    client: ClientId,
    secrets: Secrets,
    pin_hashes: BTreeMap<String, String>,
    rng: Mutex<StdRng>,
    next: AtomicU64,
    /// Of the code that is verified next.
    next_code: AtomicU64,
}

impl Jobs {
    pub fn new(kind: Kind, keys: Keys, world: &World, secrets: Secrets) -> Self {
        Self {
            kind,
            keys,
            world: world.clone(),
            client: ClientId::trusted(CLIENT.to_owned()),
            pin_hashes: secrets.pin_hashes(&world.pin),
            secrets,
            // The same players in the same order, each time.
            rng: Mutex::new(StdRng::seed_from_u64(1)),
            next: AtomicU64::new(0),
            next_code: AtomicU64::new(0),
        }
    }

    /// How many there were.
    pub fn drawn(&self) -> u64 {
        self.next.load(Ordering::Relaxed)
    }

    /// The next ones.
    pub fn window(&self, size: u64) -> Vec<Outgoing> {
        (0..size).map(|_| self.message()).collect()
    }

    /// The next ones, as a worker has read them.
    pub fn read(&self, size: usize) -> Vec<Job> {
        let read = |_| wire::request::decode(&self.message().body).ok();
        (0..size).filter_map(read).collect()
    }

    /// The next one.
    pub fn message(&self) -> Outgoing {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let (operation, request) = self.request();
        let key = match self.keys {
            Keys::Drawn => Uuid::now_v7(),
            Keys::Hashed => key_for(&self.client, &Uuid::now_v7().to_string()),
        };
        let id = self.secrets.job_id(&self.client, key, request.content(operation)).to_string();
        let accepted_at = wire::now();
        let body = wire::request::encode(&id, &self.client, operation, accepted_at, &request);
        let properties = BasicProperties::default()
            .with_message_id(short_string(&id))
            .with_correlation_id(short_string(&number.to_string()))
            .with_type(short_string(operation.as_str()))
            .with_content_type(short_string("application/json"))
            .with_headers(lanes::contending_for(&request.contends_for(&self.client)))
            .with_delivery_mode(2);
        Outgoing {
            exchange: REQUESTS,
            routing_key: short_string(operation.as_str()),
            mandatory: true,
            properties,
            body: body.into(),
        }
    }

    fn request(&self) -> (Operation, Request) {
        let (player, goods) = {
            let mut rng = self.rng.lock().unwrap_or_else(PoisonError::into_inner);
            let player = rng.random_range(0..self.world.players);
            (format!("player-{player}"), rng.random_range(0..self.world.goods))
        };
        let own = Scope::Client(self.client.clone());
        let named = |name: &str, spread: bool| {
            let id = if spread { format!("{name}-{goods}") } else { name.to_owned() };
            Target::Goods(Id::trusted(id))
        };
        let redeem = |scope, target| {
            Request::Redeem(Redeem { scope, target, player: Id::trusted(player), amount: 1 })
        };
        match self.kind {
            Kind::Sponsor { spread } => {
                (Operation::Sponsor, redeem(Scope::Sponsored, named("cola", spread)))
            }
            Kind::Goods { spread } => (Operation::Goods, redeem(own, named("mug", spread))),
            Kind::Codes => {
                let pool = Target::Group(Id::trusted(POOL.to_owned()));
                (Operation::GoodsGroup, redeem(own, pool))
            }
            Kind::Verify => {
                let code = world::code(self.next_code.fetch_add(1, Ordering::Relaxed));
                let verify = Verify {
                    group: Id::trusted(POOL.to_owned()),
                    code: Id::trusted(code),
                    pin_hashes: self.pin_hashes.clone(),
                };
                (Operation::Verify, Request::Verify(verify))
            }
        }
    }
}
