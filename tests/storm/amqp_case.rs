//! One message of the storm: near to a request, or far from it.

use crate::amqp_properties;
use crate::odd::{bytes, json, mutate, name, one_in, pick, short, text};
use lapin::BasicProperties;
use rand::RngExt as _;
use rand::rngs::StdRng;
use redeemq::wire::request::{Undecodable, decode};
use serde_json::{Value, json};
use uuid::Uuid;

pub struct Case {
    pub body: Vec<u8>,
    pub properties: BasicProperties,
    pub routing_key: String,
}

/// What must become of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// A result, of the job that has this key in the books of its client.
    Decided(String, Uuid),
    /// The dead queue, and a notice to whoever waits.
    DeadWithNotice,
    /// The dead queue: nobody knows whose job it was.
    Dead,
}

impl Case {
    pub fn new(rng: &mut StdRng) -> Self {
        let body = body(rng);
        let operation = pick(rng, &OPERATIONS).to_owned();
        let routing_key = if one_in(rng, 5) { short(rng) } else { operation };
        Self { body, properties: amqp_properties::any(rng), routing_key }
    }

    /// By the contract: what can be read is decided, nothing else is.
    pub fn fate(&self) -> Fate {
        match decode(&self.body) {
            Ok(job) => Fate::Decided(job.client.to_string(), job.key),
            Err(Undecodable { known: Some(_), .. }) => Fate::DeadWithNotice,
            Err(_) => Fate::Dead,
        }
    }
}

const OPERATIONS: [&str; 5] = ["goods", "goods_group", "verify", "sponsor", "sponsor_group"];

fn body(rng: &mut StdRng) -> Vec<u8> {
    match rng.random_range(0..100) {
        0..45 => request(rng).to_string().into_bytes(),
        45..55 => {
            let mut request = request(rng);
            let fields = ["v", "job_id", "client_id", "operation", "accepted_at", "params", "more"];
            let field = pick(rng, &fields);
            request[field] =
                serde_json::from_str(&json(rng, 2)).unwrap_or_else(|_| text(rng).into());
            request.to_string().into_bytes()
        }
        55..75 => {
            let request = request(rng).to_string().into_bytes();
            mutate(rng, request)
        }
        75..85 => json(rng, 3).into_bytes(),
        // A body within a string, as publishers send it who encode twice.
        85..87 => Value::from(request(rng).to_string()).to_string().into_bytes(),
        87 if one_in(rng, 20) => bytes(rng, 200_000),
        _ => bytes(rng, 300),
    }
}

fn request(rng: &mut StdRng) -> Value {
    let operation = pick(rng, &OPERATIONS);
    let client = if one_in(rng, 30) { "nobody" } else { pick(rng, &["acme", "zeta"]) };
    // Some ids come again and again, with the same content or with other.
    let job_id = match rng.random_range(0..20) {
        0 => Uuid::from_u128(rng.random_range(0..50)),
        _ => Uuid::from_u128(rng.random()),
    };
    let at = "2026-01-02T03:04:05Z";
    let accepted_at = match rng.random_range(0..20) {
        0 => pick(
            rng,
            &["1970-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "2026-01-02T03:04:05+23:59"],
        ),
        _ => at,
    };
    json!({
        "v": 1, "job_id": job_id, "client_id": client, "operation": operation,
        "accepted_at": accepted_at, "params": params(rng, operation),
    })
}

fn params(rng: &mut StdRng, operation: &str) -> Value {
    let mut params = if operation == "verify" {
        json!({
            "goods_group": name(rng, &["cinema", "nothing"]), "coupon_code": name(rng, &["C1", "C2", "C9"]),
            "pin_hashes": {name(rng, &["00000000"]): text(rng)},
        })
    } else {
        let target = if operation.ends_with("group") { "group" } else { "goods_id" };
        json!({
            target: name(rng, &["mug", "cinema"]), "player_id": name(rng, &["p1", "p2", "p3"]),
            "amount": rng.random_range(-1..5),
        })
    };
    if one_in(rng, 4) {
        let field =
            pick(rng, &["goods_id", "group", "player_id", "amount", "pin_code", "pin_hashes", ""]);
        params[field] = serde_json::from_str(&json(rng, 2)).unwrap_or_else(|_| text(rng).into());
    }
    params
}
