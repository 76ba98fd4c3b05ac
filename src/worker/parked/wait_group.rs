//! Jobs that wait for the same lock, in the order of their arrival.

use crate::retry::Pauses;
use crate::store::lock_keys::LockKeys;
use crate::worker::batch::delivery::Delivery;
use std::collections::VecDeque;
use time::OffsetDateTime;
use tokio::time::Instant;

pub(super) struct WaitGroup {
    pub(super) number: u64,
    /// The lock, by all its names.
    pub(super) keys: LockKeys,
    waiting: VecDeque<Delivery>,
    /// How many of its jobs are in the database.
    in_database: usize,
    /// When the job in front was accepted, or the first of those in the database.
    oldest: Option<OffsetDateTime>,
    pauses: Pauses,
    due: Instant,
}

impl WaitGroup {
    /// Due at once.
    pub(super) fn of(number: u64, keys: LockKeys, first: Delivery, now: Instant) -> Self {
        Self {
            number,
            keys,
            oldest: first.accepted_at(),
            waiting: VecDeque::from([first]),
            in_database: 0,
            pauses: Pauses::new(),
            due: now,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len() + self.in_database
    }

    pub(super) fn oldest(&self) -> Option<OffsetDateTime> {
        self.oldest
    }

    /// When it is to be tried; none while it is.
    pub(super) fn due(&self) -> Option<Instant> {
        (self.in_database == 0).then_some(self.due)
    }

    pub(super) fn is_in_database(&self) -> bool {
        self.in_database > 0
    }

    pub(super) fn push(&mut self, delivery: Delivery) {
        self.waiting.push_back(delivery);
    }

    /// The jobs in front, which are in the database from now on.
    pub(super) fn begin(&mut self, jobs_max: usize) -> Vec<Delivery> {
        let count = self.waiting.len().min(jobs_max);
        self.in_database = count;
        self.waiting.drain(..count).collect()
    }

    /// They are back. Those that are still locked return to the front, and the next try is after a pause
    /// that grows while there are any.
    pub(super) fn end(&mut self, mut still_locked: VecDeque<Delivery>, now: Instant) {
        self.in_database = 0;
        if still_locked.is_empty() {
            self.pauses.reset();
            self.due = now;
        } else {
            self.due = now + self.pauses.draw();
        }
        still_locked.append(&mut self.waiting);
        self.oldest = still_locked.front().and_then(Delivery::accepted_at);
        self.waiting = still_locked;
    }
}
