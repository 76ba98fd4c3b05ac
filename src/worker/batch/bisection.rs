//! A batch in parts: what is still to be tried, in the order of arrival, and what became of the rest.

use crate::domain::job::Job;
use crate::store::lock_keys::LockKeys;
use crate::worker::batch::outcome::Processed;
use std::sync::Arc;

/// Some jobs of a batch, to be tried together.
#[derive(Debug)]
pub(super) struct Part {
    /// Their positions in the batch.
    positions: Vec<usize>,
    pub(super) jobs: Arc<[Job]>,
}

pub(super) struct Bisection {
    outcomes: Vec<Option<Processed>>,
    /// The next one last.
    remaining: Vec<Part>,
    /// What other sessions were found to hold. Jobs that need it are not tried again in this batch, or
    /// later ones would overtake earlier ones.
    held: Vec<LockKeys>,
}

impl Bisection {
    /// The whole batch as one part.
    pub(super) fn of(jobs: Vec<Job>) -> Self {
        let outcomes = jobs.iter().map(|_| None).collect();
        let all = Part { positions: (0..jobs.len()).collect(), jobs: jobs.into() };
        Self { outcomes, remaining: vec![all], held: Vec::new() }
    }

    /// The next part to try.
    pub(super) fn next_part(&mut self) -> Option<Part> {
        while let Some(part) = self.remaining.pop() {
            let part = self.park_locked(part);
            if !part.jobs.is_empty() {
                return Some(part);
            }
        }
        None
    }

    /// Parks the jobs that need what is held; returns the others.
    fn park_locked(&mut self, part: Part) -> Part {
        if self.held.is_empty() {
            return part;
        }
        let (mut positions, mut jobs) = (Vec::new(), Vec::new());
        for (position, job) in part.positions.into_iter().zip(part.jobs.iter()) {
            if let Some(keys) = self.held.iter().find(|keys| keys.are_needed_by(job)) {
                self.outcomes[position] = Some(Processed::Parked(keys.clone()));
            } else {
                positions.push(position);
                jobs.push(job.clone());
            }
        }
        Part { positions, jobs: jobs.into() }
    }

    /// Notes the outcomes of a part's jobs, in their order.
    pub(super) fn done(&mut self, part: &Part, outcomes: impl IntoIterator<Item = Processed>) {
        for (position, outcome) in part.positions.iter().zip(outcomes) {
            self.outcomes[*position] = Some(outcome);
        }
    }

    /// Both halves are to be tried, the first one first.
    pub(super) fn bisect(&mut self, part: Part) {
        let middle = part.positions.len() / 2;
        let half = |range: std::ops::Range<usize>| Part {
            positions: part.positions[range.clone()].to_vec(),
            jobs: part.jobs[range].into(),
        };
        self.remaining.push(half(middle..part.positions.len()));
        self.remaining.push(half(0..middle));
    }

    /// A part timed out because of what other sessions hold; if they hold nothing, because of its size. A
    /// job that times out alone is parked on all that it locks, and so are later jobs that need the same.
    pub(super) fn timed_out(&mut self, part: Part, held: Vec<LockKeys>) {
        let needed = |keys: &LockKeys| part.jobs.iter().any(|job| keys.are_needed_by(job));
        let mut held: Vec<LockKeys> = held.into_iter().filter(needed).collect();
        match (held.is_empty(), part.positions.len()) {
            (true, 2..) => return self.bisect(part),
            (true, _) => {
                let all = LockKeys::of(&part.jobs);
                self.done(&part, [Processed::Parked(all.clone())]);
                held.push(all);
            }
            (false, _) => self.remaining.push(part),
        }
        self.held.append(&mut held);
    }

    /// The outcome of each job, in the order of the batch.
    pub(super) fn finish(self) -> Vec<Processed> {
        let undecided = || Processed::Abandoned;
        self.outcomes.into_iter().map(|outcome| outcome.unwrap_or_else(undecided)).collect()
    }
}

#[cfg(test)]
mod tests;
