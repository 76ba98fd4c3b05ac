//! What is to be done for parked jobs: each group waits for one lock, beside all other jobs and never
//! before them. A later job that needs the same lock joins the group, so that none overtakes another.

use crate::store::lock_keys::LockKeys;
use crate::worker::batch::delivery::{Delivery, Payload};
use crate::worker::batch::outcome::Processed;
use crate::worker::parked::wait_group::WaitGroup;
use std::collections::VecDeque;
use time::OffsetDateTime;
use tokio::time::Instant;

/// Groups whose jobs are in the database at once. Each takes a session, and half of the pool is left to
/// the lane itself.
const TRIES_MAX: usize = 2;

pub(super) struct LockWaitQueue {
    /// Most jobs of one try.
    jobs_max: usize,
    groups: Vec<WaitGroup>,
    next_number: u64,
}

/// What is to be done next.
#[derive(Debug)]
pub(super) enum Action {
    Try(Try),
    /// Nothing before this instant, unless a try ends.
    WaitUntil(Instant),
    /// Nothing before a try ends.
    Wait,
}

/// Jobs of one group, to be tried together.
#[derive(Debug)]
pub(super) struct Try {
    pub(super) group: u64,
    pub(super) keys: LockKeys,
    pub(super) deliveries: Vec<Delivery>,
}

impl LockWaitQueue {
    pub(super) fn new(jobs_max: usize) -> Self {
        Self { jobs_max, groups: Vec::new(), next_number: 0 }
    }

    /// How many jobs are parked, those that are being tried included.
    pub(super) fn len(&self) -> usize {
        self.groups.iter().map(WaitGroup::len).sum()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// When the oldest job was accepted, of those in front of their groups.
    pub(super) fn oldest(&self) -> Option<OffsetDateTime> {
        self.groups.iter().filter_map(WaitGroup::oldest).min()
    }

    /// Parks a job that needs a lock for which others wait already; gives all others back.
    pub(super) fn admit(&mut self, delivery: Delivery) -> Option<Delivery> {
        let Payload::Job(job) = &delivery.payload else { return Some(delivery) };
        match self.groups.iter_mut().find(|group| group.keys.are_needed_by(job)) {
            Some(group) => {
                group.push(delivery);
                None
            }
            None => Some(delivery),
        }
    }

    /// Parks a job until these keys are free.
    pub(super) fn park(&mut self, delivery: Delivery, keys: LockKeys, now: Instant) {
        match self.groups.iter_mut().find(|group| group.keys.overlap(&keys)) {
            Some(group) => group.push(delivery),
            None => {
                self.next_number += 1;
                self.groups.push(WaitGroup::of(self.next_number, keys, delivery, now));
            }
        }
    }

    pub(super) fn next_action(&mut self, now: Instant, is_stopping: bool) -> Action {
        let tries = self.groups.iter().filter(|group| group.is_in_database()).count();
        if tries >= TRIES_MAX || is_stopping {
            return Action::Wait;
        }
        let is_due = |group: &&mut WaitGroup| group.due().is_some_and(|due| due <= now);
        if let Some(group) = self.groups.iter_mut().find(is_due) {
            let (number, keys) = (group.number, group.keys.clone());
            return Action::Try(Try {
                group: number,
                keys,
                deliveries: group.begin(self.jobs_max),
            });
        }
        self.groups.iter().filter_map(WaitGroup::due).min().map_or(Action::Wait, Action::WaitUntil)
    }

    /// A try has ended. Returns the jobs that need not wait any longer; the others go back to the front of
    /// their group, or to the group of another lock.
    pub(super) fn end(
        &mut self,
        group: u64,
        outcomes: impl IntoIterator<Item = (Delivery, Processed)>,
        now: Instant,
    ) -> Vec<(Delivery, Processed)> {
        let (mut done, mut locked, mut moved) = (Vec::new(), VecDeque::new(), Vec::new());
        let at = self.groups.iter().position(|other| other.number == group);
        let mut group = self.groups.remove(at.expect("a group stays while its jobs are tried"));
        for (delivery, outcome) in outcomes {
            match outcome {
                Processed::Parked(keys) if keys.overlap(&group.keys) => locked.push_back(delivery),
                Processed::Parked(keys) => moved.push((delivery, keys)),
                outcome => done.push((delivery, outcome)),
            }
        }
        group.end(locked, now);
        // Behind the others: each group has its turn.
        if group.len() > 0 {
            self.groups.push(group);
        }
        for (delivery, keys) in moved {
            self.park(delivery, keys, now);
        }
        done
    }
}

#[cfg(test)]
mod tests;
