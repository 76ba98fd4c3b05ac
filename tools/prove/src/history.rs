//! What the clients saw: what they asked, what they were told, and what arrived on the result queue.
//! Nothing in here comes from the system's own tables.

use crate::world::{Goods, Wish};
use std::collections::HashMap;

/// Everything that was seen.
#[derive(Debug, Default)]
pub struct History {
    /// In the order of their first sending; a job's number is its place.
    pub jobs: Vec<Job>,
    /// Requests made for them, repeats included.
    pub requests: u64,
    /// Result messages, repeats included.
    pub results: u64,
    /// Answers that belong to no job: each described.
    pub strays: Vec<String>,
    /// When new decisions were made, in microseconds since 1970, by the worker's clock.
    pub decided_at: Vec<i64>,
    /// What was left at the end, as refusals told.
    pub probes: Vec<Probe>,
}

/// One job, as its client knows it.
#[derive(Debug)]
pub struct Job {
    /// Place in [`crate::world::CLIENTS`].
    pub client: usize,
    pub wish: Wish,
    /// Another job that was sent with the same idempotency key, but other content.
    pub rival: Option<usize>,
    /// Whether a client was told that it is accepted.
    pub is_acknowledged: bool,
    /// Whether a sending of it ended without a word: it may have happened or not.
    pub was_unknown: bool,
    /// The ids it was given; there must be one.
    pub ids: Vec<Box<str>>,
    /// Its answers, each kind once; there must be one.
    pub heard: Vec<Heard>,
    /// Result messages for it.
    pub results: u32,
    /// What the status route said at the very end, for those that were asked about.
    pub status: Option<Box<str>>,
}

/// An answer. Two answers to one job must be equal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    /// A hash of its content: code, message, response, bounds, and the time of the decision.
    pub content: u64,
    /// The four digits.
    pub code: Box<str>,
    /// What it granted, if it did.
    pub grant: Option<Grant>,
    /// Whether it said that a coupon is now used.
    pub verified: bool,
}

/// What was granted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Grant {
    pub units: i64,
    pub codes: Vec<Box<str>>,
}

/// What is left of something after the last job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    pub of: Allowance,
    pub left: i64,
}

/// What a probe looks at.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Allowance {
    /// Points of a player of a client.
    Points(usize, u16),
    /// Units for everybody.
    Stock(Goods),
    /// Units for a client.
    PerClient(Goods, usize),
    /// Codes in a pool, as a client sees it.
    Codes(Goods, usize),
}

impl Job {
    pub fn new(client: usize, wish: Wish) -> Self {
        Self {
            client,
            wish,
            rival: None,
            is_acknowledged: false,
            was_unknown: false,
            ids: Vec::new(),
            heard: Vec::new(),
            results: 0,
            status: None,
        }
    }

    /// The answer, when there is exactly one.
    pub fn answer(&self) -> Option<&Heard> {
        self.heard.first()
    }
}

impl History {
    /// A job that is about to be sent.
    pub fn begin(&mut self, job: Job) -> usize {
        self.jobs.push(job);
        self.jobs.len() - 1
    }

    /// The client was told that it is accepted under this id.
    pub fn acknowledge(&mut self, job: usize, id: &str) {
        self.jobs[job].is_acknowledged = true;
        self.name(job, id);
    }

    fn name(&mut self, job: usize, id: &str) {
        let ids = &mut self.jobs[job].ids;
        if ids.iter().all(|known| &**known != id) {
            ids.push(id.into());
        }
    }

    /// An answer came, by whatever way.
    pub fn hear(&mut self, job: usize, heard: Heard) {
        let known = &mut self.jobs[job].heard;
        if !known.contains(&heard) {
            known.push(heard);
        }
    }

    /// A result message came.
    pub fn result(&mut self, correlation: &str, id: &str, heard: Heard, decided_at: i64) {
        self.results += 1;
        let Some(job) = job_of(correlation).filter(|job| *job < self.jobs.len()) else {
            self.strays.push(format!("a result for {correlation}, which nobody sent"));
            return;
        };
        self.name(job, id);
        self.jobs[job].results += 1;
        if self.jobs[job].results == 1 {
            self.decided_at.push(decided_at);
        }
        self.hear(job, heard);
    }

    /// Jobs that no result message has come for.
    pub fn unanswered(&self) -> impl Iterator<Item = usize> {
        self.jobs.iter().enumerate().filter(|(_, job)| job.results == 0).map(|(number, _)| number)
    }

    /// What each job's answer granted, with its client and what it wished.
    pub fn grants(&self) -> impl Iterator<Item = (&Job, Goods, u16, &Grant)> {
        self.jobs.iter().filter_map(|job| match (&job.wish, job.answer()?.grant.as_ref()?) {
            (Wish::Redeem { goods, player, .. }, grant) => Some((job, *goods, *player, grant)),
            (Wish::Verify { .. }, _) => None,
        })
    }

    /// Units granted by goods and, for what is a client's own, by client.
    pub fn units(&self) -> HashMap<(Goods, usize), i64> {
        let mut units = HashMap::new();
        for (job, goods, _, grant) in self.grants() {
            *units.entry((goods, job.client)).or_default() += grant.units;
        }
        units
    }
}

/// The correlation id of a job.
pub fn correlation_of(job: usize) -> String {
    format!("prove-{job}")
}

/// The job of a correlation id.
pub fn job_of(correlation: &str) -> Option<usize> {
    correlation.strip_prefix("prove-")?.parse().ok()
}
