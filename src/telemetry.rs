//! Logs: to standard error, as text for people or JSON for machines.

use std::io::{self, IsTerminal as _};
use std::sync::atomic::{AtomicBool, Ordering};
use tracing_subscriber::filter::{EnvFilter, LevelFilter, Targets};
use tracing_subscriber::layer::{Layer, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

static HUSHED: AtomicBool = AtomicBool::new(false);

/// Begins to log. `RUST_LOG` chooses what; `info` if not set.
pub fn init(as_json: bool) {
    let chosen =
        EnvFilter::builder().with_default_directive(LevelFilter::INFO.into()).from_env_lossy();
    // A coupon code has no business in a log, whatever RUST_LOG says. Libraries log what they carry
    // in their finer levels, those that come with the next update included; these two log whole
    // messages, and statements with their values, at any level.
    let kept_quiet = Targets::new()
        .with_default(LevelFilter::WARN)
        .with_target("redeemq", LevelFilter::TRACE)
        .with_target("lapin", LevelFilter::ERROR)
        // A refused passive declare closes its channel. Its caller gets the error, and may expect it.
        .with_target("lapin::channel", LevelFilter::OFF)
        .with_target("sqlx", LevelFilter::ERROR);
    let colours = io::stderr().is_terminal();
    let format = tracing_subscriber::fmt::layer().with_writer(writer).with_ansi(colours);
    let format = if as_json { format.json().boxed() } else { format.boxed() };
    tracing_subscriber::registry().with(format.with_filter(kept_quiet)).with(chosen).init();
}

fn writer() -> Box<dyn io::Write> {
    match HUSHED.load(Ordering::Relaxed) && io::stderr().is_terminal() {
        true => Box::new(io::sink()),
        false => Box::new(io::stderr()),
    }
}

/// Keeps the log off the terminal, which shows something else, for as long as this is held.
#[derive(Debug)]
#[must_use]
pub struct Hushed(());

/// Nothing is written to a terminal from now on.
pub fn hush() -> Hushed {
    HUSHED.store(true, Ordering::Relaxed);
    Hushed(())
}

impl Drop for Hushed {
    fn drop(&mut self) {
        HUSHED.store(false, Ordering::Relaxed);
    }
}
