//! Progress of long work: a bar with rate and time left on a terminal, else
//! a plain line every few seconds. On stderr, for stdout is the result's.

use indicatif::{
    BinaryBytes, HumanCount, HumanDuration, ProgressBar, ProgressDrawTarget, ProgressFinish,
    ProgressState, ProgressStyle,
};
use std::fmt;
use std::io::{self, IsTerminal as _, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Between two lines, and before the first: shorter work has none.
const LINE_EVERY: Duration = Duration::from_secs(5);
/// Time passes on a bar even while nothing gets done.
const TICK: Duration = Duration::from_secs(1);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    Bytes,
    /// Anything else, by its name in plural.
    Pieces(&'static str),
}

/// Work whose end is known. Clones show the same; the last one takes the bar away.
#[derive(Clone)]
pub struct Progress {
    bar: ProgressBar,
    lines: Option<Arc<Mutex<Lines>>>,
}

struct Lines {
    to: Box<dyn Write + Send>,
    every: Duration,
    told_at: Instant,
    unit: Unit,
}

impl Progress {
    pub fn on_stderr(doing: &'static str, unit: Unit, total: u64) -> Self {
        if !io::stderr().is_terminal() {
            return Self::in_lines(doing, unit, total, LINE_EVERY, io::stderr());
        }
        let bar = ProgressBar::new(total).with_style(style(unit)).with_message(doing);
        bar.enable_steady_tick(TICK);
        Self { bar: bar.with_finish(ProgressFinish::AndClear), lines: None }
    }

    /// In lines at most so often.
    pub fn in_lines(
        doing: &'static str,
        unit: Unit,
        total: u64,
        every: Duration,
        to: impl Write + Send + 'static,
    ) -> Self {
        let lines = Lines { to: Box::new(to), every, told_at: Instant::now(), unit };
        let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::hidden());
        Self { bar: bar.with_message(doing), lines: Some(Arc::new(Mutex::new(lines))) }
    }

    pub fn hidden() -> Self {
        Self { bar: ProgressBar::hidden(), lines: None }
    }

    /// So much is done in all.
    pub fn set(&self, done: u64) {
        self.bar.set_position(done);
        let Some(lines) = &self.lines else { return };
        let mut lines = lines.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.told_at.elapsed() >= lines.every {
            let line = line(&self.bar, lines.unit);
            // A closed stderr is no error.
            _ = writeln!(lines.to, "{line}");
            lines.told_at = Instant::now();
        }
    }

    /// So much more is done.
    pub fn add(&self, more: u64) {
        self.set(self.done() + more);
    }

    pub fn done(&self) -> u64 {
        self.bar.position()
    }

    /// There is another amount of work than was thought.
    pub fn expect(&self, total: u64) {
        self.bar.set_length(total);
    }

    /// Prints something else, with the bar out of the way.
    pub fn suspend<T>(&self, print: impl FnOnce() -> T) -> T {
        self.bar.suspend(print)
    }

    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

fn style(unit: Unit) -> ProgressStyle {
    let template = "{msg} {wide_bar} {amounts}  {rate}  {left}";
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .with_key("amounts", move |state: &ProgressState, out: &mut dyn fmt::Write| {
            _ = write!(out, "{}", amounts(unit, state.pos(), state.len().unwrap_or_default()));
        })
        .with_key("rate", move |state: &ProgressState, out: &mut dyn fmt::Write| {
            _ = write!(out, "{}", rate(unit, state.pos(), state.elapsed()));
        })
        .with_key("left", |state: &ProgressState, out: &mut dyn fmt::Write| {
            let total = state.len().unwrap_or_default();
            _ = write!(out, "{}", left(state.pos(), total, state.elapsed()));
        })
}

fn line(bar: &ProgressBar, unit: Unit) -> String {
    let (done, total, elapsed) = (bar.position(), bar.length().unwrap_or_default(), bar.elapsed());
    format!(
        "{}: {}, {}, {}",
        bar.message(),
        amounts(unit, done, total),
        rate(unit, done, elapsed),
        left(done, total, elapsed)
    )
}

fn amounts(unit: Unit, done: u64, total: u64) -> String {
    match unit {
        Unit::Bytes => format!("{} of {}", BinaryBytes(done), BinaryBytes(total)),
        Unit::Pieces(name) => format!("{} of {} {name}", HumanCount(done), HumanCount(total)),
    }
}

/// Since the beginning: it moves little when pieces differ in size, and so does the time left.
fn rate(unit: Unit, done: u64, elapsed: Duration) -> String {
    let seconds = elapsed.as_secs_f64().max(0.001);
    match (unit, done as f64 / seconds) {
        (Unit::Bytes, rate) => format!("{}/s", BinaryBytes(rate as u64)),
        (_, rate) if rate >= 10.0 => format!("{}/s", HumanCount(rate as u64)),
        (_, rate) if rate >= 1.0 => format!("{rate:.1}/s"),
        (_, rate) => format!("{:.1}/min", rate * 60.0),
    }
}

fn left(done: u64, total: u64, elapsed: Duration) -> String {
    if done == 0 {
        return "time left unknown".to_owned();
    }
    let seconds = elapsed.as_secs_f64() * total.saturating_sub(done) as f64 / done as f64;
    format!("{:#} left", HumanDuration(Duration::from_secs(seconds.ceil().min(1e9) as u64)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Shared {
        fn text(&self) -> String {
            let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            String::from_utf8_lossy(&bytes).into_owned()
        }
    }

    fn told(every: Duration) -> String {
        let written = Shared::default();
        let progress =
            Progress::in_lines("importing", Unit::Pieces("rows"), 2_000, every, written.clone());
        progress.add(500);
        progress.add(500);
        progress.finish();
        written.text()
    }

    #[test]
    fn short_work_has_no_lines() {
        assert_eq!(told(LINE_EVERY), "");
    }

    #[test]
    fn long_work_has_lines_with_rate_and_time_left() {
        let lines = told(Duration::ZERO);
        let lines: Vec<&str> = lines.lines().collect();
        assert!(lines[0].starts_with("importing: 500 of 2,000 rows, "), "{lines:?}");
        assert!(lines[1].starts_with("importing: 1,000 of 2,000 rows, "), "{lines:?}");
        assert!(lines.len() == 2 && lines[1].ends_with(" left"), "{lines:?}");
    }

    #[test]
    fn rates_and_time_left_are_readable_at_any_speed() {
        let rows = Unit::Pieces("rows");
        let after = Duration::from_secs;
        assert_eq!(rate(rows, 90_000, after(2)), "45,000/s");
        assert_eq!(rate(rows, 15, after(10)), "1.5/s");
        assert_eq!(rate(rows, 3, after(60)), "3.0/min");
        assert_eq!(rate(Unit::Bytes, 4 << 20, after(2)), "2.00 MiB/s");
        assert_eq!(left(0, 10, after(9)), "time left unknown");
        assert_eq!(left(3, 9, after(30)), "60s left");
        assert_eq!(left(9, 9, after(30)), "0s left");
    }
}
