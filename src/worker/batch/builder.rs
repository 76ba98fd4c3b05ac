//! A batch while it fills, within its bounds.

use crate::worker::batch::delivery::Delivery;

/// Units that the jobs of one batch may ask for together: each may be a code to load and an event to
/// publish. A job that asks for more is a batch of its own, so that no other waits for all of its codes.
const UNITS_MAX: i64 = 2_000;

pub(super) struct BatchBuilder {
    jobs_max: usize,
    units: i64,
    deliveries: Vec<Delivery>,
    is_full: bool,
}

impl BatchBuilder {
    pub(super) fn new(jobs_max: usize) -> Self {
        Self { jobs_max, units: 0, deliveries: Vec::new(), is_full: false }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.deliveries.is_empty()
    }

    pub(super) fn is_full(&self) -> bool {
        self.is_full
    }

    /// Returns a delivery that does not fit. The first one always fits, however many units it asks for.
    pub(super) fn add(&mut self, delivery: Delivery) -> Option<Delivery> {
        let goes_alone = delivery.policy().goes_alone;
        let units = self.units + delivery.units();
        if self.is_full || !self.is_empty() && (goes_alone || units > UNITS_MAX) {
            return Some(delivery);
        }
        self.units = units;
        self.deliveries.push(delivery);
        self.is_full = goes_alone || self.deliveries.len() >= self.jobs_max;
        None
    }

    /// In the order in which the broker sent them: queues and consumers have buffers of their own.
    pub(super) fn finish(mut self) -> Vec<Delivery> {
        self.deliveries.sort_by_key(|delivery| delivery.received.tag);
        self.deliveries
    }
}
