//! No log holds a secret. Whatever a test is given or gives that must stay secret is kept here, by
//! the test's site, and all that a process or a command has printed is searched for it.

use super::SECRET;
use aho_corasick::AhoCorasick;
use redeemq::secrets::Secrets;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Shorter ones are found by chance.
const SHORTEST: usize = 6;
/// From here on a secret is found within other text as well, else between other characters only.
const UNIQUE: usize = 16;

#[derive(Default)]
struct Kept {
    secrets: BTreeSet<String>,
    /// What ended processes printed: a test may learn of a secret later.
    logs: Vec<String>,
}

static KEPT: Mutex<BTreeMap<String, Kept>> = Mutex::new(BTreeMap::new());

fn all() -> MutexGuard<'static, BTreeMap<String, Kept>> {
    KEPT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The site that a URL of its database or vhost belongs to: its name is that of both.
pub fn site_of(url: &str) -> String {
    let path = url.rsplit('/').next().unwrap_or_default();
    path.split('?').next().unwrap_or_default().to_owned()
}

/// From here on this must be in no log.
pub fn keep(site: &str, secret: &str) {
    if secret.len() >= SHORTEST {
        let mut all = all();
        all.entry(site.to_owned()).or_default().secrets.insert(secret.to_owned());
    }
}

/// The password within a URL. (One that equals its user's name is no secret: `guest`.)
pub fn keep_password(site: &str, url: &str) {
    let user = url.split_once("://").and_then(|(_, rest)| rest.rsplit_once('@'));
    if let Some((name, password)) = user.and_then(|(user, _)| user.split_once(':'))
        && name != password
    {
        keep(site, password);
    }
}

/// All secrets among the fields of a request, an answer, or the output of a command.
pub fn keep_fields(site: &str, value: &Value) {
    match value {
        Value::Array(values) => values.iter().for_each(|value| keep_fields(site, value)),
        Value::Object(fields) => {
            for (name, value) in fields {
                match (name.as_str(), value) {
                    ("pin_code", Value::String(pin)) => keep_pin(site, pin),
                    ("token" | "api_secret" | "coupon_code" | "code", Value::String(secret)) => {
                        keep(site, secret);
                    }
                    ("pin_hashes", Value::Object(hashes)) => {
                        hashes.values().filter_map(Value::as_str).for_each(|h| keep(site, h));
                    }
                    _ => keep_fields(site, value),
                }
            }
        }
        _ => {}
    }
}

fn keep_pin(site: &str, pin: &str) {
    keep(site, pin);
    let secrets = Secrets::parse(&SECRET.to_owned().into()).expect("a secret");
    secrets.pin_hashes(pin).values().for_each(|hash| keep(site, hash));
}

/// Fails if this text holds a secret of the site; it is searched again for what comes later.
pub fn search(site: &str, text: String) {
    let mut all = all();
    let kept = all.entry(site.to_owned()).or_default();
    let found = find(&kept.secrets, &text);
    kept.logs.push(text);
    drop(all);
    fail(&found);
}

/// The same for a command's standard output, which some commands print secrets to on purpose.
pub fn search_once(site: &str, text: &str) {
    let found = all().get(site).map(|kept| find(&kept.secrets, text)).unwrap_or_default();
    fail(&found);
}

/// Searches all of the site's logs once more.
pub fn search_all(site: &str) {
    let found: Vec<String> = all().get(site).map_or_else(Vec::new, |kept| {
        kept.logs.iter().flat_map(|log| find(&kept.secrets, log)).collect()
    });
    fail(&found);
}

/// A test that fails anyway shall say why, and not this.
fn fail(found: &[String]) {
    assert!(
        found.is_empty() || std::thread::panicking(),
        "secrets were printed:\n{}",
        found.join("\n")
    );
}

/// The lines with a secret, as text or as the numbers of its bytes.
fn find(secrets: &BTreeSet<String>, text: &str) -> Vec<String> {
    let as_bytes = |secret: &String| {
        let bytes: Vec<String> = secret.bytes().map(|byte| byte.to_string()).collect();
        bytes.join(", ")
    };
    let needles: Vec<String> =
        secrets.iter().cloned().chain(secrets.iter().map(as_bytes)).collect();
    let is_text = |pattern: usize| pattern < secrets.len();
    let seeker = AhoCorasick::new(&needles).expect("a seeker");
    let is_part = |c: Option<&u8>| c.is_some_and(u8::is_ascii_alphanumeric);
    let stands_alone = |start: usize, end: usize| {
        let before = start.checked_sub(1).and_then(|at| text.as_bytes().get(at));
        !is_part(before) && !is_part(text.as_bytes().get(end))
    };
    seeker
        .find_overlapping_iter(text)
        .filter(|hit| {
            let is_unique = is_text(hit.pattern().as_usize()) && hit.len() >= UNIQUE;
            is_unique || stands_alone(hit.start(), hit.end())
        })
        .map(|hit| {
            let line = text[..hit.start()].rfind('\n').map_or(0, |at| at + 1);
            let end = text[hit.end()..].find('\n').map_or(text.len(), |at| hit.end() + at);
            format!("`{}` in: {}", needles[hit.pattern().as_usize()], &text[line..end])
        })
        .collect()
}
