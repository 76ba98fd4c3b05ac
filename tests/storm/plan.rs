//! Which cases a storm has, and what the processes must have to show for it.

use harness::Process;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use std::ops::Range;

/// What a process may grow by in a storm, once it is warm: buffers and caches, but nothing for each
/// of a hundred thousand cases.
const GROWTH_MAX_BYTES: u64 = 48 * 1024 * 1024;

pub struct Plan {
    pub seed: u64,
    pub cases: Range<u64>,
}

impl Plan {
    /// So many cases, unless the environment says otherwise.
    pub fn of(cases: u64) -> Self {
        let number = |name: &str| {
            let text = std::env::var(name).ok()?;
            Some(text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}")))
        };
        let cases = match number("STORM_CASE") {
            Some(only) => only..only + 1,
            None => 0..number("STORM_CASES").unwrap_or(cases),
        };
        Self { seed: number("STORM_SEED").unwrap_or(1), cases }
    }

    pub fn len(&self) -> u64 {
        self.cases.end - self.cases.start
    }

    /// Whether somebody wants to see one case.
    pub fn is_replay(&self) -> bool {
        self.len() == 1
    }

    /// The randomness of one case, whatever came before it.
    pub fn rng(&self, case: u64) -> StdRng {
        StdRng::seed_from_u64(self.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ case)
    }

    /// How to see a case again.
    pub fn name(&self, case: u64) -> String {
        format!("STORM_SEED={} STORM_CASE={case}", self.seed)
    }
}

/// Fails if a process panicked, had a fault of its own, or grew.
pub fn assert_unharmed(process: &Process, warm_bytes: u64) {
    let log = process.text();
    assert!(!log.contains("panicked"), "a panic:\n{}", around(&log, "panicked"));
    let is_fault = |line: &&str| line.contains("\"ERROR\"") && line.contains("\"redeemq");
    assert_eq!(log.lines().find(is_fault), None, "a fault of its own");
    let bytes = process.memory();
    let grown = bytes.saturating_sub(warm_bytes);
    println!("memory: {warm_bytes} bytes when warm, {bytes} in the end");
    assert!(grown < GROWTH_MAX_BYTES, "it grew by {grown} bytes from {warm_bytes}");
}

fn around<'a>(log: &'a str, word: &str) -> &'a str {
    let at = log.find(word).unwrap_or_default();
    let start = log.floor_char_boundary(at.saturating_sub(2_000));
    &log[start..log.ceil_char_boundary(at + 2_000)]
}
