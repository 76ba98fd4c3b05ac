//! What may happen next, at any moment: somebody does his part, or something fails.

use super::promises;
use super::worker::Step::{self, Ack, Commit, Lock, Persist, Publish, Read};
use super::worker::go;
use super::world::{JOBS, Job, Worker, World};
use stateright::{Model, Property};

/// redeemq's protocol, or one with a piece taken out.
#[derive(Debug, Clone)]
pub(crate) struct Protocol {
    pub(crate) steps: &'static [Step],
    /// Whether the ledger has a key, and is asked about it.
    pub(crate) has_inbox: bool,
    /// Whether fewer rows written than sent is noticed.
    pub(crate) counts_rows: bool,
    /// Whether the database itself forbids the counter to pass the stock.
    pub(crate) has_constraint: bool,
    /// How many faults there may be in all.
    pub(crate) faults: u8,
}

/// As it is.
pub(crate) const REDEEMQ: Protocol = Protocol {
    steps: &[Lock, Read, Persist, Commit, Publish, Ack],
    has_inbox: true,
    counts_rows: true,
    has_constraint: true,
    faults: 2,
};

/// Workers are 0 and 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Event {
    /// The broker has the job, and its client the 202.
    Accept(Job),
    /// A worker takes a batch out of what has arrived, in any order.
    Take(usize, Vec<Job>),
    /// A worker does its next step.
    Do(usize, Step),
    /// Fault: the broker has the job, but its client is told "unknown", and publishes it again.
    LoseConfirm(Job),
    /// Fault: a worker dies. Its transaction is rolled back, and what it holds is delivered again. (A
    /// commit that was sent and not answered: a crash right before or right after `Commit`. One that
    /// only loses the database and tries again: a crash, and it takes the same batch.)
    Crash(usize),
    /// Fault: a worker is cut off from its deliveries and doesn't know. They are delivered again, to
    /// the other one maybe, while it works on.
    CutOff(usize),
}

use Event::{Accept, Crash, CutOff, Do, LoseConfirm, Take};

impl Model for Protocol {
    type State = World;
    type Action = Event;

    fn init_states(&self) -> Vec<World> {
        vec![World::default()]
    }

    fn actions(&self, world: &World, events: &mut Vec<Event>) {
        for job in (0..JOBS.len()).filter(|job| !world.accepted[*job]) {
            events.extend([Accept(job), LoseConfirm(job)]);
        }
        if !events.is_empty() {
            // Clients go first. That misses nothing: messages may wait as long as they like.
            return;
        }
        for (w, worker) in world.workers.iter().enumerate() {
            if worker.batch.is_empty() {
                events.extend(batches(&world.queue).into_iter().map(|batch| Take(w, batch)));
            } else {
                events.extend([Do(w, self.steps[worker.done]), Crash(w), CutOff(w)]);
            }
        }
    }

    /// None where an event is impossible, or changes nothing.
    fn next_state(&self, world: &World, event: Event) -> Option<World> {
        let is_fault = !matches!(event, Accept(_) | Take(..) | Do(..));
        if is_fault && world.faults == self.faults {
            return None;
        }
        let mut after = world.clone();
        after.faults += u8::from(is_fault);
        let World { accepted, queue, workers, .. } = &mut after;
        match event {
            Accept(job) => {
                accepted[job] = true;
                queue.push(job);
            }
            Take(w, batch) => {
                for job in &batch {
                    queue.remove(queue.iter().position(|queued| queued == job)?);
                }
                workers[w] = Worker { batch, holds: true, ..Worker::default() };
            }
            Do(w, _) => go(self, &mut after, w)?,
            LoseConfirm(job) => queue.push(job),
            Crash(w) => {
                let dead = std::mem::take(&mut workers[w]);
                queue.extend(dead.batch.iter().filter(|_| dead.holds));
            }
            CutOff(w) if !workers[w].holds => return None,
            CutOff(w) => {
                workers[w].holds = false;
                queue.extend(&workers[w].batch);
            }
        }
        after.queue.sort_unstable();
        Some(after)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        promises::all()
    }
}

/// What one may get at once: a job, or two in either order.
fn batches(queue: &[Job]) -> Vec<Vec<Job>> {
    let mut batches = Vec::new();
    for (i, &first) in queue.iter().enumerate() {
        batches.push(vec![first]);
        let others = queue.iter().enumerate().filter(|(j, _)| *j != i);
        batches.extend(others.map(|(_, &second)| vec![first, second]));
    }
    batches
}
