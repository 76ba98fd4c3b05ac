//! What a worker does with a batch, as `src/worker` and `src/store` do it.

use super::events::Protocol;
use super::world::{JOBS, Row, STOCK, Worker, World, find, units};

/// Each happens at once. Between two, anybody else may do anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Begin and lock the goods: wait while the other has them, then see the counter as it is by now.
    Lock,
    /// In place of that: see the counter without a lock.
    Look,
    /// A later statement: see the ledger as committed by now. (One that locks *and* reads sees, in READ
    /// COMMITTED, the locked row afresh and the ledger as it was before the wait. That is a `Read`
    /// before the `Lock`.)
    Read,
    /// Decide, and write ledger rows (`on conflict do nothing`) and counter. Fewer rows written than
    /// sent, or a constraint broken: roll back, and again. (Over a constraint, redeemq also splits the
    /// batch.)
    Persist,
    Commit,
    /// One result with its confirm, until all are told.
    Publish,
    Ack,
}

/// Does the next step, unless it must wait.
pub(crate) fn go(protocol: &Protocol, world: &mut World, w: usize) -> Option<()> {
    let [one, two] = &mut world.workers;
    let (me, other) = if w == 0 { (one, two) } else { (two, one) };
    match protocol.steps.get(me.done)? {
        Step::Lock if other.locks => return None,
        Step::Lock => (me.locks, me.granted) = (true, world.granted),
        Step::Look => me.granted = world.granted,
        Step::Read => me.ledger.clone_from(&world.ledger),
        Step::Persist => {
            decide(me, protocol.has_inbox);
            if must_wait(me, other) {
                return None;
            }
            let is_new = |row: &&Row| !protocol.has_inbox || find(&world.ledger, row.job).is_none();
            me.wrote = me.decided.iter().filter(is_new).copied().collect();
            let has_duplicate = me.wrote.len() < me.decided.len();
            let is_over = world.granted + units(&me.decided) > STOCK;
            if has_duplicate && protocol.counts_rows || is_over && protocol.has_constraint {
                (me.tries, me.done, me.locks) = ((me.tries + 1).min(3), 0, false);
                (me.answers, me.decided, me.wrote) = Default::default();
                return Some(());
            }
        }
        Step::Commit => {
            world.granted += units(&me.decided);
            world.ledger.append(&mut me.wrote);
            world.handed.extend(me.decided.drain(..).filter(|row| row.units > 0));
            me.locks = false;
        }
        Step::Publish => {
            world.results.insert((me.batch[me.told], me.answers[me.told]));
            me.told += 1;
            if me.told < me.batch.len() {
                return Some(());
            }
        }
        Step::Ack => {
            // Where it is cut off, this goes nowhere.
            let is_heard = std::mem::take(&mut me.holds);
            world.forgotten.extend(me.batch[me.told..].iter().filter(|_| is_heard));
        }
    }
    me.done += 1;
    if me.done == protocol.steps.len() {
        *me = Worker::default();
    }
    Some(())
}

/// Pure. Each job in its turn gets the answer of its duplicate, out of the ledger or the batch; else its
/// units, if so many are left.
fn decide(me: &mut Worker, has_inbox: bool) {
    for &job in &me.batch {
        let duplicate = find(&me.ledger, job).or(find(&me.decided, job)).filter(|_| has_inbox);
        let (_, wanted) = JOBS[job];
        let is_enough = me.granted + units(&me.decided) + wanted <= STOCK;
        let fresh = Row { job, units: if is_enough { wanted } else { 0 } };
        me.answers.push(duplicate.unwrap_or(fresh));
        if duplicate.is_none() {
            me.decided.push(fresh);
        }
    }
    (me.ledger, me.granted) = (Vec::new(), 0);
}

/// Postgres makes a writer wait for another's uncommitted row of the same key, and for the counter.
fn must_wait(me: &Worker, other: &Worker) -> bool {
    let both_count = units(&me.decided) > 0 && units(&other.decided) > 0;
    both_count || me.decided.iter().any(|row| find(&other.wrote, row.job).is_some())
}
