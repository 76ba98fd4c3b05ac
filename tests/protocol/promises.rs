//! The promises of the README, as far as this protocol keeps them; and what must be seen to happen.

use super::events::Protocol;
use super::worker::Step;
use super::world::{JOBS, Job, STOCK, World, are_duplicates, find, units};
use stateright::Property;

type Claims<const N: usize> = [(&'static str, fn(&Protocol, &World) -> bool); N];

pub(crate) fn all() -> Vec<Property<Protocol>> {
    let always = ALWAYS.map(|(name, holds)| Property::always(name, holds));
    let eventually = EVENTUALLY.map(|(name, holds)| Property::eventually(name, holds));
    let sometimes = SOMETIMES.map(|(name, holds)| Property::sometimes(name, holds));
    always.into_iter().chain(eventually).chain(sometimes).collect()
}

const ALWAYS: Claims<7> = [
    ("P1 nothing lost", |_, world| {
        let is_safe = |job| is_held(world, job) || find(&world.ledger, job).is_some();
        jobs().all(|job| !world.accepted[job] || is_safe(job))
    }),
    ("P1 not again and again", |_, world| world.workers.iter().all(|worker| worker.tries <= 2)),
    ("P2 one effect", |_, world| {
        let effects = |job| world.handed.iter().filter(move |row| are_duplicates(row.job, job));
        jobs().all(|job| effects(job).count() <= 1)
    }),
    ("P2 one answer", |_, world| {
        let answers: Vec<_> = world.results.iter().map(|(_, row)| *row).collect();
        answers.iter().all(|row| find(&answers, row.job) == Some(*row))
    }),
    ("P3 never over", |_, world| world.granted <= STOCK && units(&world.handed) <= STOCK),
    ("P4 acked means answered", |_, world| world.forgotten.is_empty()),
    ("P5 books balance", |_, world| world.granted == units(&world.ledger)),
];

/// By the end of each run. All have one: what leads back uses up a fault, but for rollbacks, which "not
/// again and again" bounds. (In circles, the checker would not see that something never comes.)
const EVENTUALLY: Claims<2> = [
    ("P1 decided in the end", |_, world| jobs().all(|job| find(&world.ledger, job).is_some())),
    ("P4 answered in the end", |_, world| {
        jobs().all(|job| world.results.iter().any(|(told, _)| *told == job))
    }),
];

/// Else the promises might be kept because nothing ever happens.
const SOMETIMES: Claims<5> = [
    ("a lock is waited for", |protocol, world| {
        let [one, two] = &world.workers;
        one.locks && !two.batch.is_empty() && protocol.steps[two.done] == Step::Lock
    }),
    ("the stock is exhausted", |_, world| world.results.iter().any(|(_, row)| row.units == 0)),
    ("duplicates in one batch", |_, world| world.workers.iter().any(|w| w.batch == [0, 1])),
    ("a duplicate in another batch", |_, world| {
        world.ledger.iter().any(|row| row.job == 0) && world.workers.iter().any(|w| w.batch == [1])
    }),
    ("a decided job comes again", |_, world| {
        let is_decided = |job: &Job| world.ledger.iter().any(|row| row.job == *job);
        world.workers.iter().any(|w| w.done == 0 && w.batch.iter().any(is_decided))
    }),
];

fn jobs() -> std::ops::Range<Job> {
    0..JOBS.len()
}

/// Whether the broker still has a job: in the queue, or unacked.
fn is_held(world: &World, job: Job) -> bool {
    let is_unacked = world.workers.iter().any(|worker| worker.holds && worker.batch.contains(&job));
    is_unacked || world.queue.contains(&job)
}
