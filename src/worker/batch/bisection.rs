//! A batch in parts: what is left to be tried, in the order of arrival, and what came out of it.

use crate::domain::job::Job;
use crate::store::held::{LockedRow, needs};
use crate::worker::batch::process::Processed;
use std::sync::Arc;

/// Some jobs of a batch, to be tried together.
pub struct Part {
    /// Where in the batch they stand.
    places: Vec<usize>,
    /// The jobs.
    pub jobs: Arc<[Job]>,
}

/// All of a batch.
pub struct Bisection {
    outcomes: Vec<Option<Processed>>,
    /// The next one last.
    left: Vec<Part>,
    /// What was found to be held: jobs that need it are not tried any more in this run, or later ones
    /// would overtake earlier ones.
    held: Vec<LockedRow>,
}

impl Bisection {
    /// The whole batch as one part.
    pub fn of(jobs: Vec<Job>) -> Self {
        let outcomes = jobs.iter().map(|_| None).collect();
        let all = Part { places: (0..jobs.len()).collect(), jobs: jobs.into() };
        Self { outcomes, left: vec![all], held: Vec::new() }
    }

    /// The next part to try.
    pub fn next_part(&mut self) -> Option<Part> {
        while let Some(part) = self.left.pop() {
            let part = self.without_waiting(part);
            if !part.jobs.is_empty() {
                return Some(part);
            }
        }
        None
    }

    /// Jobs that need what is held step aside.
    fn without_waiting(&mut self, part: Part) -> Part {
        if self.held.is_empty() {
            return part;
        }
        let (mut places, mut jobs) = (Vec::new(), Vec::new());
        for (place, job) in part.places.into_iter().zip(part.jobs.iter()) {
            if let Some(held) = self.held.iter().find(|held| is_needed(held, job)) {
                self.outcomes[place] = Some(Processed::Waits(Arc::clone(held)));
            } else {
                places.push(place);
                jobs.push(job.clone());
            }
        }
        Part { places, jobs: jobs.into() }
    }

    /// What became of the jobs of a part.
    pub fn done(&mut self, part: &Part, outcomes: impl IntoIterator<Item = Processed>) {
        for (place, outcome) in part.places.iter().zip(outcomes) {
            self.outcomes[*place] = Some(outcome);
        }
    }

    /// Both halves are to be tried, the first one first.
    pub fn bisect(&mut self, part: Part) {
        let middle = part.places.len() / 2;
        let half = |range: std::ops::Range<usize>| Part {
            places: part.places[range.clone()].to_vec(),
            jobs: part.jobs[range].into(),
        };
        self.left.push(half(middle..part.places.len()));
        self.left.push(half(0..middle));
    }

    /// It took too long: for what is held, if anything is, else for its size. A job that takes too
    /// long all alone waits for it knows not what, and whoever needs the same waits behind it.
    pub fn stalled(&mut self, part: Part, held: Vec<LockedRow>) {
        let needed = |held: &LockedRow| part.jobs.iter().any(|job| is_needed(held, job));
        let mut held: Vec<LockedRow> = held.into_iter().filter(needed).collect();
        if held.is_empty() && part.places.len() > 1 {
            return self.bisect(part);
        }
        if held.is_empty() {
            let all: LockedRow = part.jobs.iter().flat_map(needs).collect();
            self.done(&part, [Processed::Waits(Arc::clone(&all))]);
            held.push(all);
        } else {
            self.left.push(part);
        }
        self.held.append(&mut held);
    }

    /// The outcome of each job, in the order of the batch.
    pub fn finish(self) -> Vec<Processed> {
        let abandoned = || Processed::Abandoned;
        self.outcomes.into_iter().map(|outcome| outcome.unwrap_or_else(abandoned)).collect()
    }
}

/// Whether a job needs this.
pub fn is_needed(held: &LockedRow, job: &Job) -> bool {
    needs(job).iter().any(|need| held.contains(need))
}
