//! Jobs that failed alone while no other job got anything, or that could not be put aside yet. They
//! are tried again once a second, a few at a time, so that they hold nobody up; all of them once they
//! come through.

use crate::worker::batch::delivery::{Delivery, Payload};
use std::collections::VecDeque;
use std::time::Duration;
use time::OffsetDateTime;
use tokio::time::{Instant, sleep_until};

/// How long suspects wait for another job to prove them guilty, or for the database.
const PAUSE: Duration = Duration::from_secs(1);
/// How many are tried at once while they fail: each failure alone costs several attempts.
const FEW: usize = 10;

/// The suspects of a lane, those that waited longest first.
pub struct PoisonSuspects {
    deliveries: VecDeque<Delivery>,
    at_once: usize,
    due: Instant,
    /// Whether another job has got something since the last of them failed.
    pub proof: bool,
}

impl PoisonSuspects {
    /// Nobody is suspected.
    pub fn none() -> Self {
        Self { deliveries: VecDeque::new(), at_once: FEW, due: Instant::now(), proof: false }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.deliveries.is_empty()
    }

    /// When the oldest of their jobs was accepted.
    pub fn oldest(&self) -> Option<OffsetDateTime> {
        self.deliveries.iter().filter_map(Delivery::accepted_at).min()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.deliveries.len()
    }

    /// One that failed just now: whatever another job got before this proves nothing against it.
    pub fn add(&mut self, delivery: Delivery) {
        self.proof = false;
        self.wait(delivery);
    }

    /// One that only has to wait.
    pub fn wait(&mut self, delivery: Delivery) {
        self.at_once = FEW;
        self.due = Instant::now() + PAUSE;
        self.deliveries.push_back(delivery);
    }

    /// Those that could not be looked up yet, and so were not tried.
    pub fn into_over_limit(self) -> impl Iterator<Item = Delivery> {
        self.deliveries
            .into_iter()
            .filter(|delivery| matches!(delivery.payload, Payload::OverLimit(_)))
    }

    /// Waits until some of them are to be tried again.
    pub async fn due(&self) {
        sleep_until(self.due).await;
    }

    /// Those that are to be tried now. Should none come back, more are next.
    pub fn take(&mut self) -> Vec<Delivery> {
        let count = self.at_once.min(self.deliveries.len());
        self.at_once = self.at_once.saturating_mul(4);
        self.deliveries.drain(..count).collect()
    }
}
