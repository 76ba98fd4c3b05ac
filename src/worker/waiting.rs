//! Jobs that need a row which somebody else holds: they wait beside the others, never before them,
//! in the order of their arrival. Each room is for one such row; whoever comes later and needs it as
//! well stands behind.

use super::Context;
use super::batch::{Asks, Item};
use super::parts::is_needed;
use super::process::{Processed, process};
use crate::domain::job::Job;
use crate::retry::Pauses;
use crate::store;
use crate::store::held::{self, Held, Need};
use std::collections::VecDeque;
use std::sync::Arc;
use time::OffsetDateTime;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

/// Rooms whose jobs are in the database at once: each takes a session, and half of the pool is left to
/// the lane itself.
const AT_ONCE: usize = 2;

/// All the rooms of a lane.
#[derive(Default)]
pub struct Waiting {
    rooms: Vec<Room>,
    next_number: u64,
    tries: JoinSet<(u64, Vec<Item>, Vec<Processed>)>,
}

struct Room {
    number: u64,
    held: Held,
    items: VecDeque<Item>,
    /// When the first of them was accepted, or the first of those that are in the database.
    oldest: Option<OffsetDateTime>,
    /// How many of its jobs are in the database.
    tried: usize,
    pauses: Pauses,
    due: Instant,
}

impl Waiting {
    /// How many jobs wait here, those that are being tried included.
    pub fn len(&self) -> usize {
        self.rooms.iter().map(|room| room.items.len() + room.tried).sum()
    }

    /// When the oldest job here was accepted, by those that stand in front.
    pub fn oldest(&self) -> Option<OffsetDateTime> {
        self.rooms.iter().filter_map(|room| room.oldest).min()
    }

    /// Whether nobody waits, and nothing is being tried.
    pub fn is_empty(&self) -> bool {
        self.rooms.is_empty()
    }

    /// Takes a job in that needs what others wait for already; gives all others back.
    pub fn admit(&mut self, item: Item) -> Option<Item> {
        let Asks::Job(job) = &item.asks else { return Some(item) };
        match self.rooms.iter_mut().find(|room| is_needed(&room.held, job)) {
            Some(room) => {
                room.items.push_back(item);
                None
            }
            None => Some(item),
        }
    }

    /// Those that stand in line: whoever holds what they need is to blame that they were not decided.
    pub fn into_items(self) -> impl Iterator<Item = Item> {
        self.rooms.into_iter().flat_map(|room| room.items)
    }

    /// Opens a room for what is held, unless there is one.
    pub fn hold(&mut self, item: Item, held: &Held) {
        let same = |room: &&mut Room| room.held.iter().any(|need| held.contains(need));
        if let Some(room) = self.rooms.iter_mut().find(same) {
            return room.items.push_back(item);
        }
        self.next_number += 1;
        self.rooms.push(Room {
            number: self.next_number,
            held: Arc::clone(held),
            oldest: item.accepted_at(),
            items: VecDeque::from([item]),
            tried: 0,
            pauses: Pauses::new(),
            due: Instant::now(),
        });
    }

    /// Tries the rooms whose time has come, and waits for the next outcome: what became of some jobs
    /// that need not wait any longer. Dropping the future loses nothing.
    pub async fn outcome(
        &mut self,
        context: &Arc<Context>,
        stop: &CancellationToken,
    ) -> Vec<(Item, Processed)> {
        loop {
            self.try_rooms(context, stop);
            let due = self.rooms.iter().filter(|room| room.tried == 0).map(|room| room.due).min();
            let due = due.filter(|_| self.tries.len() < AT_ONCE && !stop.is_cancelled());
            let tried = tokio::select! {
                Some(tried) = self.tries.join_next() => tried,
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => continue,
                else => return Vec::new(),
            };
            match tried.map_err(JoinError::try_into_panic) {
                Ok((number, items, outcomes)) => return self.leave(number, items, outcomes),
                // Those jobs would wait for ever; whoever starts anew is sent them again.
                Err(Ok(panic)) => std::panic::resume_unwind(panic),
                Err(Err(_aborted)) => {}
            }
        }
    }

    fn try_rooms(&mut self, context: &Arc<Context>, stop: &CancellationToken) {
        let now = Instant::now();
        for room in self.rooms.iter_mut().filter(|room| room.tried == 0 && room.due <= now) {
            if self.tries.len() >= AT_ONCE || stop.is_cancelled() {
                return;
            }
            let count = room.items.len().min(context.settings.batch_max);
            let items: Vec<Item> = room.items.drain(..count).collect();
            room.tried = count;
            let (number, held) = (room.number, Arc::clone(&room.held));
            let (context, stop) = (Arc::clone(context), stop.clone());
            self.tries.spawn(async move {
                let outcomes = match is_bound_to_wait(&context, &held, &items).await {
                    true => items.iter().map(|_| Processed::Waits(Arc::clone(&held))).collect(),
                    false => process(&context, &items, false, &stop).await,
                };
                (number, items, outcomes)
            });
        }
    }

    /// Whoever must wait on goes back to the front of the line.
    fn leave(
        &mut self,
        number: u64,
        items: Vec<Item>,
        outcomes: Vec<Processed>,
    ) -> Vec<(Item, Processed)> {
        let (mut gone, mut kept, mut moved) = (Vec::new(), VecDeque::new(), Vec::new());
        let at = self.rooms.iter().position(|room| room.number == number);
        let Some(mut room) = at.map(|at| self.rooms.remove(at)) else { return gone };
        for (item, outcome) in items.into_iter().zip(outcomes) {
            match outcome {
                Processed::Waits(held) if held.iter().any(|need| room.held.contains(need)) => {
                    kept.push_back(item);
                }
                Processed::Waits(held) => moved.push((item, held)),
                outcome => gone.push((item, outcome)),
            }
        }
        room.tried = 0;
        if kept.is_empty() {
            room.pauses.reset();
            room.due = Instant::now();
        } else {
            room.due = Instant::now() + room.pauses.draw();
        }
        kept.append(&mut room.items);
        room.oldest = kept.front().and_then(Item::accepted_at);
        room.items = kept;
        if !room.items.is_empty() {
            self.rooms.push(room);
        }
        for (item, held) in moved {
            self.hold(item, &held);
        }
        gone
    }
}

/// Goods are locked before what players own, so waiting for a player would hold up all who want the
/// same goods: there we look first. For goods we stand in line, or busy ones would never be ours.
async fn is_bound_to_wait(context: &Context, held: &Held, items: &[Item]) -> bool {
    if held.iter().any(|need| matches!(need, Need::Goods(..))) {
        return false;
    }
    let jobs: Vec<Job> = items.iter().filter_map(Item::job).cloned().collect();
    let still_held = store::in_time(held::held(&context.store, &jobs)).await.unwrap_or_default();
    still_held.iter().any(|still| still.iter().any(|need| held.contains(need)))
}
