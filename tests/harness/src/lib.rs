//! What every test stands on.
//!
//! [`site::Site`] is one test's database and vhost, with the command line on them. On it run
//! [`process::Process`]es of the binary; [`http::Caller`] and [`amqp::Bench`] are the two kinds of
//! callers, [`raw::Raw`] a bad one; [`proxy::Proxy`] cuts the line to a server; [`tally::Tally`] counts
//! what a flood got. [`rights`] gives all of them users of their own, and [`leaks`] looks for secrets in
//! what they print.

pub mod amqp;
pub mod blocks;
pub mod collector;
mod commands;
mod counter;
mod frames;
pub mod http;
pub mod leaks;
pub mod make;
pub mod mugs;
pub mod places;
pub mod process;
pub mod proxy;
pub mod raw;
pub mod rights;
pub mod servers;
pub mod site;
pub mod tally;
mod template;
pub mod terminal;
pub mod tools;

pub use amqp::{Bench, Reader, Request};
pub use counter::Counter;
pub use http::{Answer, Caller};
pub use mugs::{MUG, mug, with_mugs};
pub use process::{Process, Role, SECRET};
pub use proxy::Proxy;
pub use raw::Raw;
pub use site::{Broker, Site};
pub use tally::Tally;

use serde_json::Value;
use std::time::Duration;
use time::OffsetDateTime;
use tokio::time::{Instant, sleep};

/// Longest wait for anything that should happen; a healthy machine needs a fraction of it.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// The environment of a process that finds no certificates to trust.
pub const NO_CERTIFICATES: [(&str, &str); 2] =
    [("SSL_CERT_FILE", "/dev/null"), ("SSL_CERT_DIR", "/dev/null")];

/// Waits until a condition holds, and fails with its name when it never does.
pub async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds().await {
        assert!(Instant::now() < deadline, "never happened: {what}");
        sleep(Duration::from_millis(20)).await;
    }
}

/// The instant that a field of an answer names.
pub fn instant(field: &Value) -> OffsetDateTime {
    let text = field.as_str().unwrap_or_else(|| panic!("no time: {field}"));
    redeemq::wire::instant(text).unwrap_or_else(|| panic!("no time: {text}"))
}
