//! Deciding a batch: job by job in the order of arrival, each seeing what those before it took.
//!
//! A job that the ledger has keeps its result. A duplicate in the same batch gets the result of the
//! first. An id used again with other content is refused and changes nothing.

mod codes;
mod redeem;
mod verify;

pub use codes::{CodesWanted, codes_wanted};
pub use verify::PIN_WINDOW;

use super::content::Content;
use super::job::Job;
use super::outcome::{Outcome, Refusal};
use super::request::Request;
use super::state::{Changes, State, Stored};
use std::collections::HashMap;
use std::sync::Arc;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

/// A job may claim to be accepted at most this much later than now: clocks of two machines differ.
pub const FUTURE_MAX: Duration = Duration::seconds(60);

/// What the rules depend on beside the state.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    /// The clock, as an input.
    pub now: OffsetDateTime,
    /// Jobs accepted longer ago are refused 3004; off unless configured.
    pub age_max: Option<Duration>,
}

/// Where the result of a duplicate's first job is found.
#[derive(Debug, Clone, PartialEq)]
pub enum Earlier {
    /// In the ledger.
    Stored(Arc<Stored>),
    /// It is the result of the job at this position of the batch.
    InBatch(usize),
}

/// What becomes of one job.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// Decided just now; to be stored.
    Decided(Outcome),
    /// Decided before: the same bytes again.
    Replay(Earlier),
    /// Its id came before with other content: 3001, for ever.
    KeyConflict(Earlier),
}

/// Decides the jobs of one batch. `state` is kept up to date; returns the verdicts, and what has to be
/// written.
pub fn decide(jobs: &[Job], state: &mut State, rules: &Rules) -> (Vec<Verdict>, Changes) {
    let mut changes = Changes::default();
    let mut decided: HashMap<(&str, Uuid), usize> = HashMap::with_capacity(jobs.len());
    let mut verdicts = Vec::with_capacity(jobs.len());
    for (position, job) in jobs.iter().enumerate() {
        let earlier = match state.stored_results.get(&job.ledger_key()) {
            Some(stored) => Some((stored.content, Earlier::Stored(Arc::clone(stored)))),
            None => decided
                .get(&(job.client.as_str(), job.key))
                .map(|&first| (jobs[first].content, Earlier::InBatch(first))),
        };
        verdicts.push(match earlier {
            Some((content, earlier)) => repeat(job.content, content, earlier),
            None => {
                decided.insert((job.client.as_str(), job.key), position);
                Verdict::Decided(decide_one(job, state, rules, &mut changes))
            }
        });
    }
    (verdicts, changes)
}

fn repeat(content: Content, of_first: Content, earlier: Earlier) -> Verdict {
    if content == of_first { Verdict::Replay(earlier) } else { Verdict::KeyConflict(earlier) }
}

fn decide_one(job: &Job, state: &mut State, rules: &Rules, changes: &mut Changes) -> Outcome {
    let decided = check_job(job, state, rules).and_then(|request| match request {
        Request::Redeem(redeem) => redeem::decide(job, redeem, state, changes),
        Request::Verify(verify) => verify::decide(job, verify, state, changes),
    });
    decided.unwrap_or_else(Outcome::Refused)
}

/// The checks of every job, in the contract's order: acceptable parameters come first.
fn check_job<'a>(job: &'a Job, state: &State, rules: &Rules) -> Result<&'a Request, Refusal> {
    let request = job.request.as_ref().map_err(Refusal::clone)?;
    if job.accepted_at > rules.now + FUTURE_MAX {
        return Err(Refusal::Unacceptable(vec!["accepted_at"]));
    }
    if rules.age_max.is_some_and(|age_max| rules.now - job.accepted_at > age_max) {
        return Err(Refusal::TooOld);
    }
    match state.clients.get(&job.client) {
        Some(None) => Ok(request),
        Some(Some(disabled_at)) if job.accepted_at < *disabled_at => Ok(request),
        Some(Some(_)) | None => Err(Refusal::ClientDisabled),
    }
}

#[cfg(test)]
mod tests;
