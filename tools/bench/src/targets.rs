//! What it shall reach: ratios, for they hold on other machines as well.

use crate::book::Book;
use crate::bounds::{GROWTH, RESIDENT};
use crate::front;
use crate::growth;
use crate::imports;
use crate::jobs::Keys;
use crate::latencies::{COMMIT, LONE, RAW, Who, name};
use crate::limits::{BROKER, DATABASE, HOT, ONE_BY_ONE, PGBENCH, SPREAD};
use crate::plan::Plan;
use crate::stats::{self, Spread};

/// On which side of a number.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Wanted {
    AtLeast(f64),
    AtMost(f64),
}

/// One of them.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Target {
    pub what: String,
    pub wanted: Wanted,
    /// None: not measured.
    pub measured: Option<Spread>,
}

impl Target {
    fn new(what: impl Into<String>, values: &[f64], wanted: Wanted) -> Self {
        Self { what: what.into(), wanted, measured: stats::spread(values) }
    }

    /// By the median.
    pub fn is_reached(&self) -> Option<bool> {
        let median = self.measured?.median;
        Some(match self.wanted {
            Wanted::AtLeast(least) => median >= least,
            Wanted::AtMost(most) => median <= most,
        })
    }
}

/// All of them.
pub fn all(book: &Book, plan: &Plan) -> Vec<Target> {
    let mut all = throughput(book);
    all.extend(latency(book));
    all.extend(door(book));
    all.extend(size(book, plan));
    all
}

fn throughput(book: &Book) -> Vec<Target> {
    let of = |over: &str, under: &str| stats::ratios(book.values(over), book.values(under));
    let series = stats::in_series(book.values(BROKER), book.values(DATABASE));
    let of_series = stats::ratios(book.values(HOT), &series);
    let least = Wanted::AtLeast;
    vec![
        Target::new("end to end / broker limit", &of(HOT, BROKER), least(0.65)),
        Target::new("end to end / broker and database limits in series", &of_series, least(0.9)),
        Target::new("database limit / pgbench", &of(DATABASE, PGBENCH), least(20.0)),
        Target::new("end to end / batch bound 1", &of(HOT, ONE_BY_ONE), least(6.0)),
        Target::new("many goods rows / one goods row", &of(SPREAD, HOT), least(0.85)),
    ]
}

fn latency(book: &Book) -> Vec<Target> {
    let p99 = |who| book.values(&name(who, 50, "p99"));
    let both = stats::ratios(p99(Who::Worker), p99(Who::Echo));
    let sums: Vec<f64> = book
        .values(RAW)
        .iter()
        .zip(book.values(COMMIT))
        .map(|(raw, commit)| raw + commit)
        .collect();
    let lone = stats::ratios(book.values(LONE), &sums);
    vec![
        Target::new("p99 at half load / broker limit's p99", &both, Wanted::AtMost(2.0)),
        Target::new("a lone job / (message there and back + commit)", &lone, Wanted::AtMost(1.5)),
    ]
}

fn door(book: &Book) -> Vec<Target> {
    let accepted = book.values(front::ACCEPTED);
    let of_raw = stats::ratios(accepted, book.values(front::RAW));
    vec![
        Target::new("HTTP accepted / confirmed by the broker", &of_raw, Wanted::AtLeast(0.35)),
        Target::new("HTTP accepted, jobs/s", accepted, Wanted::AtLeast(8_300.0)),
    ]
}

fn size(book: &Book, plan: &Plan) -> Vec<Target> {
    let rows = plan.ledger.last().copied().unwrap_or_default();
    let grown = |keys| {
        let of = |is_empty| book.values(&growth::name(keys, rows, is_empty));
        stats::ratios(of(false), of(true))
    };
    let [few, many] = plan.imported;
    let import = |codes, what| book.values(&imports::name(codes, what)).to_vec();
    let of_copy = stats::ratios(&import(many, "time"), book.values(imports::COPIED));
    let memory = stats::ratios(&import(many, "peak memory"), &import(few, "peak memory"));
    let (resident, growth) = (book.values(RESIDENT), book.values(GROWTH));
    let ledger = |keys| format!("ledger of {rows} rows / empty one, {keys}");
    let most = Wanted::AtMost;
    vec![
        Target::new(ledger("keys in order"), &grown(Keys::Drawn), Wanted::AtLeast(0.95)),
        Target::new(ledger("hashed keys"), &grown(Keys::Hashed), Wanted::AtLeast(0.95)),
        Target::new(format!("import of {many} codes / COPY"), &of_copy, most(2.0)),
        Target::new(format!("its memory / that for {few} codes"), &memory, most(1.2)),
        Target::new("worker's memory under full load, MiB", resident, most(64.0)),
        Target::new("its growth under full load, MiB", growth, most(1.0)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reached(values: &[f64], wanted: Wanted) -> Option<bool> {
        Target::new("it", values, wanted).is_reached()
    }

    #[test]
    fn the_median_decides() {
        assert_eq!(reached(&[0.1, 0.7, 0.8], Wanted::AtLeast(0.65)), Some(true));
        assert_eq!(reached(&[0.1, 0.6, 0.8], Wanted::AtLeast(0.65)), Some(false));
        assert_eq!(reached(&[1.0, 2.0, 9.0], Wanted::AtMost(2.0)), Some(true));
        assert_eq!(reached(&[1.0, 2.1, 9.0], Wanted::AtMost(2.0)), Some(false));
    }

    #[test]
    fn what_was_not_measured_is_neither_reached_nor_missed() {
        assert_eq!(reached(&[], Wanted::AtLeast(1.0)), None);
        let nothing = all(&Book::default(), &Plan::full());
        assert!(nothing.iter().all(|target| target.is_reached().is_none()));
    }

    #[test]
    fn each_ratio_stands_the_right_way_up() {
        let mut book = Book::default();
        for (name, value) in [(HOT, 60.0), (BROKER, 100.0), (DATABASE, 300.0), (PGBENCH, 10.0)] {
            book.add(name, "jobs/s", value);
        }
        let ratios: Vec<f64> =
            all(&book, &Plan::full()).iter().filter_map(|t| Some(t.measured?.median)).collect();
        assert_eq!(ratios.len(), 3);
        for (ratio, right) in ratios.iter().zip([0.6, 0.8, 30.0]) {
            assert!((ratio - right).abs() < 1e-9, "{ratio} is not {right}");
        }
    }
}
