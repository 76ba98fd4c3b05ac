//! Which codes a batch can take, told before any of them is loaded: a request for thousands of codes that is
//! refused anyway shall cost no more than any other.

use super::{Rules, check_job, redeem};
use crate::domain::job::Job;
use crate::domain::request::Request;
use crate::domain::state::State;
use std::collections::BTreeMap;
use time::OffsetDateTime;

/// Up to so many units of a pool, all that is asked for is loaded, and nothing counted before: that would
/// cost a statement more.
const UNCOUNTED_MAX: i64 = 1_000;

/// What the jobs of a batch can take from one pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodesWanted {
    /// When the first of the jobs was accepted.
    pub earliest: OffsetDateTime,
    /// When the last of them was.
    pub latest: OffsetDateTime,
    /// Units of all jobs whose answer depends on how many codes are left.
    pub units: i64,
    /// Units of each of these jobs that nothing but the stock can refuse.
    grantable: Vec<i64>,
}

impl CodesWanted {
    fn none(at: OffsetDateTime) -> Self {
        Self { earliest: at, latest: at, units: 0, grantable: Vec::new() }
    }

    fn add(&mut self, at: OffsetDateTime, units: i64, is_grantable: bool) {
        self.earliest = self.earliest.min(at);
        self.latest = self.latest.max(at);
        self.units += units;
        if is_grantable {
            self.grantable.push(units);
        }
    }

    /// Whether the codes are to be counted before they are loaded: where many are asked for, or some by
    /// jobs that get none.
    pub fn is_counted_first(&self) -> bool {
        self.units > UNCOUNTED_MAX || self.grantable.iter().sum::<i64>() < self.units
    }

    /// Units to load of a pool that has so many. A job that asks for more than all gets none.
    pub fn loadable(&self, available: i64) -> i64 {
        self.grantable.iter().filter(|units| **units <= available).sum()
    }
}

/// What each pool is asked for by these jobs, by the row of its goods. Players, usage and clients must be in
/// `state`, for a job is judged by these alone: what other jobs of the batch take leaves it less, never more.
pub fn codes_wanted(jobs: &[Job], state: &State, rules: &Rules) -> BTreeMap<i64, CodesWanted> {
    let mut wanted: BTreeMap<i64, CodesWanted> = BTreeMap::new();
    if state.goods.values().all(|goods| goods.group.is_none()) {
        return wanted;
    }
    for job in jobs.iter().filter(|job| !state.stored_results.contains_key(&job.ledger_key())) {
        let Ok(Request::Redeem(redeem)) = check_job(job, state, rules) else { continue };
        let Ok(terms) = redeem::terms(job, redeem, state) else { continue };
        if terms.goods.group.is_some() && terms.until_stock(job).is_ok() {
            let is_grantable = terms.after_stock().is_ok();
            wanted
                .entry(terms.goods.row)
                .or_insert_with(|| CodesWanted::none(job.accepted_at))
                .add(job.accepted_at, redeem.amount, is_grantable);
        }
    }
    wanted
}
