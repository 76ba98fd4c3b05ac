//! Jobs that need a row which somebody else holds: they wait beside the others, never before them,
//! in the order of their arrival. Each group is for one such row; whoever comes later and needs it as
//! well stands behind.

use crate::domain::job::Job;
use crate::retry::Pauses;
use crate::store;
use crate::store::held::{self, LockKey, LockedRow};
use crate::worker::batch::bisection::is_needed;
use crate::worker::batch::delivery::{Delivery, Payload};
use crate::worker::batch::process::{Processed, process};
use crate::worker::context::Context;
use std::collections::VecDeque;
use std::sync::Arc;
use time::OffsetDateTime;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

/// Rooms whose jobs are in the database at once: each takes a session, and half of the pool is left to
/// the lane itself.
const AT_ONCE: usize = 2;

/// All the groups of a lane.
#[derive(Default)]
pub struct LockWaitQueue {
    groups: Vec<WaitGroup>,
    next_number: u64,
    tries: JoinSet<(u64, Vec<Delivery>, Vec<Processed>)>,
}

struct WaitGroup {
    number: u64,
    held: LockedRow,
    deliveries: VecDeque<Delivery>,
    /// When the first of them was accepted, or the first of those that are in the database.
    oldest: Option<OffsetDateTime>,
    /// How many of its jobs are in the database.
    tried: usize,
    pauses: Pauses,
    due: Instant,
}

impl LockWaitQueue {
    /// How many jobs wait here, those that are being tried included.
    pub fn len(&self) -> usize {
        self.groups.iter().map(|group| group.deliveries.len() + group.tried).sum()
    }

    /// When the oldest job here was accepted, by those that stand in front.
    pub fn oldest(&self) -> Option<OffsetDateTime> {
        self.groups.iter().filter_map(|group| group.oldest).min()
    }

    /// Whether nobody waits, and nothing is being tried.
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// Takes a job in that needs what others wait for already; gives all others back.
    pub fn admit(&mut self, delivery: Delivery) -> Option<Delivery> {
        let Payload::Job(job) = &delivery.payload else { return Some(delivery) };
        match self.groups.iter_mut().find(|group| is_needed(&group.held, job)) {
            Some(group) => {
                group.deliveries.push_back(delivery);
                None
            }
            None => Some(delivery),
        }
    }

    /// Those that stand in line: whoever holds what they need is to blame that they were not decided.
    pub fn into_deliveries(self) -> impl Iterator<Item = Delivery> {
        self.groups.into_iter().flat_map(|group| group.deliveries)
    }

    /// Opens a group for what is held, unless there is one.
    pub fn hold(&mut self, delivery: Delivery, held: &LockedRow) {
        let same = |group: &&mut WaitGroup| group.held.iter().any(|need| held.contains(need));
        if let Some(group) = self.groups.iter_mut().find(same) {
            return group.deliveries.push_back(delivery);
        }
        self.next_number += 1;
        self.groups.push(WaitGroup {
            number: self.next_number,
            held: Arc::clone(held),
            oldest: delivery.accepted_at(),
            deliveries: VecDeque::from([delivery]),
            tried: 0,
            pauses: Pauses::new(),
            due: Instant::now(),
        });
    }

    /// Tries the groups whose time has come, and waits for the next outcome: what became of some jobs
    /// that need not wait any longer. Dropping the future loses nothing.
    pub async fn outcome(
        &mut self,
        context: &Arc<Context>,
        stop: &CancellationToken,
    ) -> Vec<(Delivery, Processed)> {
        loop {
            self.try_rooms(context, stop);
            let due =
                self.groups.iter().filter(|group| group.tried == 0).map(|group| group.due).min();
            let due = due.filter(|_| self.tries.len() < AT_ONCE && !stop.is_cancelled());
            let tried = tokio::select! {
                Some(tried) = self.tries.join_next() => tried,
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => continue,
                else => return Vec::new(),
            };
            match tried.map_err(JoinError::try_into_panic) {
                Ok((number, deliveries, outcomes)) => {
                    return self.leave(number, deliveries, outcomes);
                }
                // Those jobs would wait for ever; whoever starts anew is sent them again.
                Err(Ok(panic)) => std::panic::resume_unwind(panic),
                Err(Err(_aborted)) => {}
            }
        }
    }

    fn try_rooms(&mut self, context: &Arc<Context>, stop: &CancellationToken) {
        let now = Instant::now();
        for group in self.groups.iter_mut().filter(|group| group.tried == 0 && group.due <= now) {
            if self.tries.len() >= AT_ONCE || stop.is_cancelled() {
                return;
            }
            let count = group.deliveries.len().min(context.settings.batch_max);
            let deliveries: Vec<Delivery> = group.deliveries.drain(..count).collect();
            group.tried = count;
            let (number, held) = (group.number, Arc::clone(&group.held));
            let (context, stop) = (Arc::clone(context), stop.clone());
            self.tries.spawn(async move {
                let outcomes = match is_bound_to_wait(&context, &held, &deliveries).await {
                    true => {
                        deliveries.iter().map(|_| Processed::Waits(Arc::clone(&held))).collect()
                    }
                    false => process(&context, &deliveries, false, &stop).await,
                };
                (number, deliveries, outcomes)
            });
        }
    }

    /// Whoever must wait on goes back to the front of the line.
    fn leave(
        &mut self,
        number: u64,
        deliveries: Vec<Delivery>,
        outcomes: Vec<Processed>,
    ) -> Vec<(Delivery, Processed)> {
        let (mut gone, mut kept, mut moved) = (Vec::new(), VecDeque::new(), Vec::new());
        let at = self.groups.iter().position(|group| group.number == number);
        let Some(mut group) = at.map(|at| self.groups.remove(at)) else { return gone };
        for (delivery, outcome) in deliveries.into_iter().zip(outcomes) {
            match outcome {
                Processed::Waits(held) if held.iter().any(|need| group.held.contains(need)) => {
                    kept.push_back(delivery);
                }
                Processed::Waits(held) => moved.push((delivery, held)),
                outcome => gone.push((delivery, outcome)),
            }
        }
        group.tried = 0;
        if kept.is_empty() {
            group.pauses.reset();
            group.due = Instant::now();
        } else {
            group.due = Instant::now() + group.pauses.draw();
        }
        kept.append(&mut group.deliveries);
        group.oldest = kept.front().and_then(Delivery::accepted_at);
        group.deliveries = kept;
        if !group.deliveries.is_empty() {
            self.groups.push(group);
        }
        for (delivery, held) in moved {
            self.hold(delivery, &held);
        }
        gone
    }
}

/// Goods are locked before what players own, so waiting for a player would hold up all who want the
/// same goods: there we look first. For goods we stand in line, or busy ones would never be ours.
async fn is_bound_to_wait(context: &Context, held: &LockedRow, deliveries: &[Delivery]) -> bool {
    if held.iter().any(|need| matches!(need, LockKey::Goods(..))) {
        return false;
    }
    let jobs: Vec<Job> = deliveries.iter().filter_map(Delivery::job).cloned().collect();
    let still_held = store::in_time(held::held(&context.store, &jobs)).await.unwrap_or_default();
    still_held.iter().any(|still| still.iter().any(|need| held.contains(need)))
}
