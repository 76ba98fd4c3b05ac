//! Requests for a job, near to good ones.

use crate::http_case::{Caller, Draft};
use crate::odd::{bytes, mutate, name, one_in, pick, text};
use rand::RngExt as _;
use rand::rngs::StdRng;
use serde_json::{Value, json};
use std::fmt::Write as _;

pub const OPERATIONS: [(&str, &str); 5] = [
    ("goods", "/Redeem/goods"),
    ("goods_group", "/Redeem/goodsGroup"),
    ("verify", "/Redeem/goodsGroup/verify"),
    ("sponsor", "/Redeem/sponsor"),
    ("sponsor_group", "/Redeem/sponsorGroup"),
];
pub const FORM: &str = "application/x-www-form-urlencoded";
pub const JSON: &str = "application/json";

/// A request near to a good one.
pub fn draft(rng: &mut StdRng, caller: &Caller<'_>) -> Draft {
    let (operation, path) = OPERATIONS[rng.random_range(0..5)];
    let mut draft = Draft::new("POST", path);
    let mut params = params(rng, operation);
    if one_in(rng, 3) {
        params.push(("token".to_owned(), name(rng, &[caller.token])));
    } else if !one_in(rng, 20) {
        draft.header(
            "Authorization",
            format!("{} {}", pick(rng, &["Bearer", "bearer"]), caller.token),
        );
    }
    if one_in(rng, 10) {
        // A name twice, or one more.
        let extra = params[rng.random_range(0..params.len())].0.clone();
        params.push((name(rng, &[&extra]), text(rng)));
    }
    let is_form = rng.random();
    draft.body = if is_form { form(rng, &params) } else { object(&params) };
    draft.header("Content-Type", if is_form { FORM } else { JSON });
    if one_in(rng, 6) {
        draft.body = mutate(rng, draft.body);
    }
    more_headers(rng, &mut draft);
    draft
}

fn params(rng: &mut StdRng, operation: &str) -> Vec<(String, String)> {
    let given: Vec<(&str, String)> = if operation == "verify" {
        vec![
            ("goods_group", name(rng, &["cinema"])),
            ("coupon_code", name(rng, &["C1", "C9"])),
            ("pin_code", name(rng, &["1234567"])),
        ]
    } else {
        let target = if operation.ends_with("group") { "group" } else { "goods_id" };
        let amount =
            pick(rng, &["1", "2", "1", "2", "0", "-1", "01", "1.0", "+1", " 1", "10001", "1e3"]);
        vec![
            (target, name(rng, &["mug", "cinema"])),
            ("player_id", name(rng, &["p1", "p2"])),
            ("amount", amount.to_owned()),
        ]
    };
    given.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Percent-encoded where it must be, and sometimes where it need not be, or wrongly.
fn form(rng: &mut StdRng, params: &[(String, String)]) -> Vec<u8> {
    let broken = one_in(rng, 10);
    let encode = |text: &str| {
        let mut encoded = String::new();
        for byte in text.bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'-' | b'.' => {
                    encoded.push(byte.into())
                }
                b' ' => encoded.push('+'),
                _ if broken => {
                    encoded.push_str(["%", "%f", "%zz", "&", "="][usize::from(byte % 5)])
                }
                _ => drop(write!(encoded, "%{byte:02x}")),
            }
        }
        encoded
    };
    let pairs = params.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value)));
    pairs.collect::<Vec<_>>().join("&").into_bytes()
}

/// In JSON, names may come twice.
pub fn object(params: &[(String, String)]) -> Vec<u8> {
    let field = |(name, value): &(String, String)| {
        let number =
            name == "amount" && value.bytes().all(|b| b.is_ascii_digit() || b"-.e".contains(&b));
        let value = if number { value.clone() } else { json!(value).to_string() };
        format!("{}:{value}", Value::from(name.as_str()))
    };
    format!("{{{}}}", params.iter().map(field).collect::<Vec<_>>().join(",")).into_bytes()
}

fn more_headers(rng: &mut StdRng, draft: &mut Draft) {
    if one_in(rng, 4) {
        // Few keys, so that they come again, with the same content or with other.
        let key = format!("key-{}", rng.random_range(0..200));
        draft.header("Idempotency-Key", name(rng, &[&key]));
    }
    if one_in(rng, 8) {
        draft.header("X-Correlation-Id", name(rng, &["order-7"]));
    }
    if one_in(rng, 40) {
        let waits = [
            "wait=1",
            "wait=2;x=y",
            "respond-async, wait=1",
            "wait=0",
            "wait=-1",
            "wait",
            "wait=",
            "wait=\"1\"",
            "Wait = 1",
            "wait=1e9",
            "wait=1, wait=2",
            ";;,,=",
            "handling=lenient",
        ];
        draft.header("Prefer", name(rng, &waits));
    }
    if one_in(rng, 30) {
        draft.header("Expect", "100-continue");
    }
    if one_in(rng, 30) {
        let name =
            pick(rng, &["Content-Type", "Idempotency-Key", "Authorization", "Prefer", "X-Odd"]);
        draft.header(name, bytes(rng, 300));
    }
    if one_in(rng, 50) {
        draft.header("Connection", "close");
        draft.is_last = true;
    }
}
