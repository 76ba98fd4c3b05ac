//! Tries parked jobs in the database when their time has come.

use crate::domain::job::Job;
use crate::store::lock_keys::{self, LockKeys};
use crate::worker::batch::delivery::Delivery;
use crate::worker::batch::outcome::Processed;
use crate::worker::context::Context;
use crate::worker::parked::lock_wait_queue::{Action, LockWaitQueue, Try};
use crate::worker::redelivery::attempts;
use std::sync::Arc;
use time::OffsetDateTime;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

/// The parked jobs of a lane.
pub(crate) struct ParkedJobs {
    queue: LockWaitQueue,
    /// Each with the number of its group.
    tries: JoinSet<(u64, Vec<(Delivery, Processed)>)>,
}

impl ParkedJobs {
    /// With a bound on the jobs of one try.
    pub(crate) fn new(jobs_max: usize) -> Self {
        Self { queue: LockWaitQueue::new(jobs_max), tries: JoinSet::new() }
    }

    /// How many there are, those that are being tried included.
    pub(crate) fn len(&self) -> usize {
        self.queue.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// When the oldest of them was accepted, of those in front of their groups.
    pub(crate) fn oldest(&self) -> Option<OffsetDateTime> {
        self.queue.oldest()
    }

    /// Parks a job that needs a lock for which others wait already; gives all others back.
    pub(crate) fn admit(&mut self, delivery: Delivery) -> Option<Delivery> {
        self.queue.admit(delivery)
    }

    /// Parks a job until these keys are free.
    pub(crate) fn park(&mut self, delivery: Delivery, keys: LockKeys) {
        self.queue.park(delivery, keys, Instant::now());
    }

    /// Tries those whose time has come, and waits for the next outcomes: of jobs that need not wait any
    /// longer. Empty when there is nothing to wait for. Dropping the future loses nothing.
    pub(crate) async fn outcome(
        &mut self,
        context: &Arc<Context>,
        stop: &CancellationToken,
    ) -> Vec<(Delivery, Processed)> {
        loop {
            let due = match self.queue.next_action(Instant::now(), stop.is_cancelled()) {
                Action::Try(parked) => {
                    self.tries.spawn(try_again(Arc::clone(context), parked, stop.clone()));
                    continue;
                }
                Action::WaitUntil(due) => Some(due),
                Action::Wait => None,
            };
            let ended = tokio::select! {
                Some(ended) = self.tries.join_next() => ended,
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => continue,
                else => return Vec::new(),
            };
            match ended.map_err(JoinError::try_into_panic) {
                Ok((group, outcomes)) => return self.queue.end(group, outcomes, Instant::now()),
                // Its jobs would wait for ever. The session ends, and the broker delivers them again.
                Err(Ok(panic)) => std::panic::resume_unwind(panic),
                Err(Err(_aborted)) => {}
            }
        }
    }
}

async fn try_again(
    context: Arc<Context>,
    parked: Try,
    stop: CancellationToken,
) -> (u64, Vec<(Delivery, Processed)>) {
    let Try { group, keys, deliveries } = parked;
    let outcomes = if is_still_locked(&context, &keys, &deliveries).await {
        let parked = |delivery| (delivery, Processed::Parked(keys.clone()));
        deliveries.into_iter().map(parked).collect()
    } else {
        attempts::process(&context, deliveries, false, &stop).await
    };
    (group, outcomes)
}

/// Goods are locked before balances, so waiting in the database for a player would hold up all jobs for
/// the same goods: there a query comes first. For goods the jobs queue in the database, or busy ones would
/// never be theirs.
async fn is_still_locked(context: &Context, keys: &LockKeys, deliveries: &[Delivery]) -> bool {
    if keys.name_goods() {
        return false;
    }
    let jobs: Vec<Job> = deliveries.iter().filter_map(Delivery::job).cloned().collect();
    match context.settings.statement_limit.in_time(lock_keys::held(&context.store, &jobs)).await {
        Ok(held) => held.iter().any(|held| held.overlap(keys)),
        // The try itself will meet the same fault, and knows what to do about it.
        Err(_) => false,
    }
}
