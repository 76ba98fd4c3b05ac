//! Who takes part, and what each of them has at one moment.

use std::collections::BTreeSet;

/// A request that a client publishes, by its place in [`JOBS`]; its messages carry that number.
pub(crate) type Job = usize;

/// Idempotency key and units of each. Two are duplicates, and leave too little for the third, as it does
/// for them.
pub(crate) const JOBS: [(char, u8); 3] = [('a', 1), ('a', 1), ('b', 2)];

/// What there is of the goods. A duplicate granted twice would fit in: the stock does not forbid it.
pub(crate) const STOCK: u8 = 2;

/// A row of the ledger, and the answer stored in it. Its bytes tell which message was decided, and
/// what it got (no units: refused).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Row {
    pub(crate) job: Job,
    pub(crate) units: u8,
}

/// One moment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct World {
    /// Clients: whose job was answered 202. The others publish theirs again.
    pub(crate) accepted: [bool; 3],
    /// Broker: what nobody holds. Sorted, for it may be delivered in any order.
    pub(crate) queue: Vec<Job>,
    pub(crate) workers: [Worker; 2],
    /// Database: ledger and counter of the goods, as committed.
    pub(crate) ledger: Vec<Row>,
    pub(crate) granted: u8,
    /// Readers: which answers came to which job.
    pub(crate) results: BTreeSet<(Job, Row)>,
    /// For the promises: what really changed hands, and what was acked unanswered.
    pub(crate) handed: Vec<Row>,
    pub(crate) forgotten: BTreeSet<Job>,
    /// Faults so far.
    pub(crate) faults: u8,
}

/// What a worker has in memory, and in the one transaction that it may have open.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Worker {
    /// None: it is idle.
    pub(crate) batch: Vec<Job>,
    /// Whether the broker waits for its ack.
    pub(crate) holds: bool,
    /// Steps done; rollbacks over what it found in the database, counted up to 3; results told.
    pub(crate) done: usize,
    pub(crate) tries: u8,
    pub(crate) told: usize,
    /// Whether it has the goods' lock, and what it has read.
    pub(crate) locks: bool,
    pub(crate) granted: u8,
    pub(crate) ledger: Vec<Row>,
    /// The answer to each job, and those that are decisions of its own.
    pub(crate) answers: Vec<Row>,
    pub(crate) decided: Vec<Row>,
    /// Ledger rows written, and not yet committed.
    pub(crate) wrote: Vec<Row>,
}

pub(crate) fn are_duplicates(one: Job, other: Job) -> bool {
    JOBS[one].0 == JOBS[other].0
}

/// The row of a job or of its duplicate.
pub(crate) fn find(rows: &[Row], job: Job) -> Option<Row> {
    rows.iter().copied().find(|row| are_duplicates(row.job, job))
}

pub(crate) fn units(rows: &[Row]) -> u8 {
    rows.iter().map(|row| row.units).sum()
}
