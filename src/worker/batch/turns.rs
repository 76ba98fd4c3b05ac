//! Turns of clients: where several have jobs in hand, a batch takes some of each, by what they cost. So a
//! flood of one client, or jobs of it that cost a lot, hold up another's lone job for one batch, not for all
//! that came before it. The jobs of one client stay in their order.

use crate::domain::id::ClientId;
use crate::worker::batch::builder::BatchBuilder;
use crate::worker::batch::delivery::Delivery;
use std::collections::{HashMap, VecDeque};
use time::OffsetDateTime;

/// What a job costs beside its units: measured, ten codes take about as long as a job takes without them.
const COST_OF_JOB: i64 = 10;
/// What a client may take at each of its turns: ten jobs of one unit. So a batch of 500 jobs has room for
/// those of 50 clients at least.
const COST_OF_TURN: i64 = 10 * (COST_OF_JOB + 1);

/// Whose jobs; none where that can't be read.
type Whose = Option<ClientId>;

/// The deliveries in hand that are in no batch yet.
#[derive(Default)]
pub(super) struct Turns {
    waiting: HashMap<Whose, Waiting>,
    /// Everyone in `waiting`; whose turn is next stands first.
    order: VecDeque<Whose>,
}

#[derive(Default)]
struct Waiting {
    deliveries: VecDeque<Delivery>,
    /// What was saved up over the turns, for a job that costs more than one turn allows.
    saved: i64,
}

/// How a turn ended.
enum Turn {
    /// Nothing is left of this client.
    Done,
    /// Its next job costs more than it has saved up.
    Saving,
    /// Its next job doesn't fit into this batch.
    DoesNotFit,
}

impl Turns {
    pub(super) fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    pub(super) fn add(&mut self, delivery: Delivery) {
        let whose = delivery.any_job().map(|job| job.client.clone());
        if let Some(waiting) = self.waiting.get_mut(&whose) {
            waiting.deliveries.push_back(delivery);
            return;
        }
        let waiting = Waiting { deliveries: VecDeque::from([delivery]), saved: 0 };
        self.order.push_back(whose.clone());
        self.waiting.insert(whose, waiting);
    }

    /// When the oldest of the jobs were accepted that wait here, of each client.
    pub(super) fn oldest(&self) -> impl Iterator<Item = OffsetDateTime> {
        self.waiting.values().filter_map(|waiting| waiting.deliveries.front()?.accepted_at())
    }

    /// Fills a batch, turn by turn. Who has a job that doesn't fit is the first of the next batch.
    pub(super) fn fill(&mut self, batch: &mut BatchBuilder) {
        let mut next_time = Vec::new();
        while !batch.is_full()
            && let Some(whose) = self.order.pop_front()
        {
            let waiting = self.waiting.get_mut(&whose).expect("who is in the order waits");
            match waiting.take_turn(batch, self.order.is_empty()) {
                Turn::Done => drop(self.waiting.remove(&whose)),
                Turn::Saving => self.order.push_back(whose),
                Turn::DoesNotFit => next_time.push(whose),
            }
        }
        for whose in next_time.into_iter().rev() {
            self.order.push_front(whose);
        }
    }
}

impl Waiting {
    /// Who is alone needs no savings.
    fn take_turn(&mut self, batch: &mut BatchBuilder, is_alone: bool) -> Turn {
        self.saved += COST_OF_TURN;
        while let Some(delivery) = self.deliveries.pop_front() {
            let cost = COST_OF_JOB + delivery.units();
            if cost > self.saved && !is_alone {
                self.deliveries.push_front(delivery);
                return Turn::Saving;
            }
            if let Some(delivery) = batch.add(delivery) {
                self.deliveries.push_front(delivery);
                return Turn::DoesNotFit;
            }
            self.saved = (self.saved - cost).max(0);
        }
        Turn::Done
    }
}

#[cfg(test)]
mod tests;
