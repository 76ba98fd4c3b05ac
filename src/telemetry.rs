//! Logs: to standard error, as text for people or JSON for machines. An event is a line, and all of it is
//! [`printable`], for broker, database and callers have put in what they like.

use crate::printable;
use std::fmt::{self, Debug};
use std::io::{self, IsTerminal as _};
use std::sync::atomic::{AtomicBool, Ordering};
use tracing::field::Field;
use tracing_subscriber::field::MakeExt as _;
use tracing_subscriber::filter::{EnvFilter, LevelFilter, Targets};
use tracing_subscriber::fmt::format::{Writer, debug_fn};
use tracing_subscriber::layer::{Layer, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;
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
    let format = layer(writer, as_json, colours).with_filter(kept_quiet);
    tracing_subscriber::registry().with(format).with(chosen).init();
}

fn layer<S, W: io::Write + 'static>(
    writer: impl Fn() -> W + Send + Sync + 'static,
    as_json: bool,
    colours: bool,
) -> Box<dyn Layer<S> + Send + Sync>
where
    S: tracing::Subscriber + for<'a> LookupSpan<'a> + Send + Sync,
{
    let writer = move || Line { inner: writer(), as_json, colours };
    let format = tracing_subscriber::fmt::layer().with_writer(writer).with_ansi(colours);
    match as_json {
        true => format.json().boxed(),
        false => format.fmt_fields(debug_fn(write_field).delimited(" ")).boxed(),
    }
}

/// As the formatter does, but with nothing in a value that would pass for a colour of ours.
fn write_field(writer: &mut Writer<'_>, field: &Field, value: &dyn Debug) -> fmt::Result {
    let value = format!("{value:?}");
    let value = printable::text(&value);
    match (field.name(), writer.has_ansi_escapes()) {
        ("message", _) => writer.write_str(&value),
        (name, true) => write!(writer, "\u{1b}[3m{name}\u{1b}[0m\u{1b}[2m=\u{1b}[0m{value}"),
        (name, false) => write!(writer, "{name}={value}"),
    }
}

/// Takes an event at a time, as the formatter gives it.
struct Line<W> {
    inner: W,
    as_json: bool,
    colours: bool,
}

impl<W: io::Write> io::Write for Line<W> {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let line = String::from_utf8_lossy(event);
        let colours = self.colours && !self.as_json;
        self.inner.write_all(printable::log_line(&line, self.as_json, colours).as_bytes())?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::printable::is_printable;
    use crate::printable::tests::UNPRINTABLE;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("no panic while writing").write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(as_json: bool, colours: bool) -> String {
        let written = Shared::default();
        let to = written.clone();
        let format = layer(move || to.clone(), as_json, colours);
        let hostile: String = UNPRINTABLE.iter().collect();
        tracing::subscriber::with_default(tracing_subscriber::registry().with(format), || {
            tracing::error!(routing_key = %hostile, "{hostile}");
        });
        let bytes = written.0.lock().expect("no panic while writing").clone();
        String::from_utf8(bytes).expect("UTF-8")
    }

    #[test]
    fn an_event_is_one_printable_line_whatever_it_tells_of() {
        for (as_json, colours) in [(true, false), (true, true), (false, false), (false, true)] {
            let line = logged(as_json, colours);
            let line = line.strip_suffix('\n').expect("a line");
            let ours = |c: char| colours && !as_json && c == '\u{1b}';
            assert!(line.chars().all(|c| is_printable(c) || ours(c)), "{line:?}");
            assert!(line.contains("202e"), "{line:?}");
            let colours = line.split('\u{1b}').skip(1).map(|rest| &rest[..2]);
            assert!(colours.into_iter().all(|code| ["[0", "[2", "[3"].contains(&code)), "{line:?}");
            assert!(line.contains("routing_key"), "{line:?}");
            assert!(!as_json || serde_json::from_str::<serde_json::Value>(line).is_ok(), "{line}");
        }
    }
}
