//! Questions after jobs: ids that were given, ids that were not, and what is no id.

use crate::http_case::{Caller, Draft};
use crate::odd::{name, one_in, pick, text};
use rand::RngExt as _;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use std::fmt::Write as _;

pub fn draft(rng: &mut StdRng, caller: &Caller<'_>) -> Draft {
    let job_id = job_id(rng, caller);
    let escaped = escape(rng, &job_id);
    let mut target = format!("/Redeem/jobs/{escaped}");
    let in_query = one_in(rng, 6);
    if in_query {
        let token = name(rng, &[caller.token]);
        write!(
            target,
            "?token={}{}",
            escape(rng, &token),
            pick(rng, &["", "&token=x", "&%", "&=&&"])
        )
        .expect("written");
    }
    let mut draft = Draft::new("GET", &target);
    if !in_query {
        let token = name(rng, &[caller.token]);
        draft.header("Authorization", format!("Bearer {token}"));
    }
    if one_in(rng, 1_000) {
        draft.header("Prefer", "wait=1");
    }
    draft
}

fn job_id(rng: &mut StdRng, caller: &Caller<'_>) -> String {
    let given = caller.job_ids.choose(rng).cloned().unwrap_or_default();
    match rng.random_range(0..6) {
        0 | 1 => given,
        2 => {
            // One character of an id that was given.
            let mut chars: Vec<char> = given.chars().collect();
            if let Some(i) = (0..chars.len()).nth(rng.random_range(0..60)) {
                chars[i] = *['A', 'z', '_', '=', '+', 'é'].choose(rng).expect("some");
            }
            chars.into_iter().collect()
        }
        3 => uuid::Uuid::from_u128(rng.random()).to_string(),
        4 => "x".repeat(rng.random_range(1..6_000)),
        _ => text(rng),
    }
}

/// Percent-encoded as a path must be, or with bytes that are no text.
fn escape(rng: &mut StdRng, text: &str) -> String {
    let mut escaped = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'-' | b'.' => {
                escaped.push(byte.into())
            }
            _ => write!(escaped, "%{byte:02x}").expect("written"),
        }
    }
    if one_in(rng, 10) {
        escaped.push_str(pick(rng, &["%ff", "%", "%c3%28", "%2f..%2f", "%00"]));
    }
    if escaped.is_empty() { "-".to_owned() } else { escaped }
}
