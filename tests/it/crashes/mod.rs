//! P1, P2 and P4 at every step of a batch: a worker dies there, or stands still and goes on when
//! another has long done its work. Each job is decided once and answered at least once, with the same
//! bytes each time.

mod cell;
mod jobs;
mod stage;

use cell::{Cell, Fault};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::thread;
use tokio::runtime::Builder;

/// The steps before the commit: whoever stands still there, holds locks.
const UNDECIDED: [&str; 3] = ["after_load", "after_decide", "before_commit"];
/// Those after it. Between the two lies the COMMIT on its way: a fault of the line, in the last test.
const DECIDED: [&str; 4] = ["after_commit", "after_publish", "after_confirm", "at_ack"];
/// Which of two workers fails, by the order of their start. Each cell is played with either.
const WORKERS: [usize; 2] = [0, 1];
/// Cells that are played at a time. Many of them wait for the limits of a database session, 5 s.
const AT_ONCE: usize = 4;

#[test]
fn a_worker_that_dies_after_any_step_is_replaced() {
    let points = UNDECIDED.into_iter().chain(DECIDED);
    play(points.map(|point| Cell { point, fault: Fault::Dies }).collect());
}

#[test]
fn a_worker_that_stands_still_after_any_step_is_replaced_and_does_no_harm_when_it_goes_on() {
    let points = UNDECIDED.into_iter().chain(DECIDED);
    let to_the_end = points.map(|point| Cell { point, fault: Fault::StandsStillToTheEnd });
    let in_the_way = UNDECIDED.map(|point| Cell { point, fault: Fault::StandsStillInTheWay });
    play(to_the_end.chain(in_the_way).collect());
}

#[test]
fn a_commit_whose_fate_is_unknown_is_neither_lost_nor_repeated() {
    let faults = [
        Fault::CommitUnheard,
        Fault::CommitUnanswered,
        Fault::CommitUnansweredAndDies,
        Fault::CommitUnansweredAndStandsStill,
    ];
    play(faults.map(|fault| Cell { point: "before_commit", fault }).into());
}

/// Plays all cells, whatever becomes of one, and names those that failed.
fn play(cells: Vec<Cell>) {
    let (waiting, failed) = (Mutex::new(cells.into_iter()), Mutex::new(Vec::new()));
    let next = || waiting.lock().expect("the cells").next();
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(cell) = next() {
                    let mut worker = WORKERS[0];
                    let playing = AssertUnwindSafe(|| run(&cell, &mut worker));
                    if catch_unwind(playing).is_err() {
                        failed.lock().expect("the failed").push((cell, worker));
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().expect("the failed");
    assert!(failed.is_empty(), "failed, for the reasons above: {failed:#?}");
}

fn run(cell: &Cell, worker: &mut usize) {
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(cell.play(worker));
}
