//! One cell of the table: a worker fails at one point in one way, and another one is there.

use super::jobs::{self, DUPLICATES, Jobs};
use super::stage::Stage;
use super::{UNDECIDED, WORKERS};
use harness::{Process, Site};

#[derive(Debug)]
pub struct Cell {
    pub point: &'static str,
    pub fault: Fault,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// No clean-up, no goodbye.
    Dies,
    /// Until the other one waits for the locks that it holds.
    StandsStillInTheWay,
    /// Until the other one has done everything, its part included.
    StandsStillToTheEnd,
    /// COMMIT never reaches the database, and nobody is told.
    CommitUnheard,
    /// COMMIT is done, and the line breaks before the answer.
    CommitUnanswered,
    CommitUnansweredAndDies,
    CommitUnansweredAndStandsStill,
}

impl Cell {
    /// Plays it with either worker failing; tells with which it is at.
    pub async fn play(&self, worker: &mut usize) {
        let (site, pin) = jobs::site().await;
        for failing in WORKERS {
            *worker = failing;
            self.play_with(failing, &site, &Jobs::of(failing, &pin)).await;
        }
        site.audit();
        site.close().await;
    }

    async fn play_with(&self, worker: usize, site: &Site, jobs: &Jobs) {
        let kind = if self.fault == Fault::Dies { "abort" } else { "stop" };
        let mut stage = Stage::open(site, jobs).await;
        let decided = site.number("select count(*) from ledger").await as usize;
        let (failing, other) = stage.workers(worker, self.point, kind).await;
        stage.hand_out(jobs, worker).await;

        let survivor = self.strike(failing, &other, &mut stage).await;
        stage.until_answered().await;
        for worker in survivor.into_iter().chain([other]) {
            assert!(worker.terminate().await.success());
        }
        stage.until_nothing_is_left().await;

        jobs.assert_granted_once(&stage.tally);
        self.assert_failed_there(stage.tally.replayed_of(&jobs.mixed));
        assert_eq!(stage.bench.depth("redeem.dead").await, 0);
        let now_decided = site.number("select count(*) from ledger").await as usize;
        assert_eq!(now_decided - decided, jobs.count());
    }

    /// The fault, until the failing worker has gone on; what is left of it.
    async fn strike(
        &self,
        mut failing: Process,
        other: &Process,
        stage: &mut Stage<'_>,
    ) -> Option<Process> {
        if self.fault == Fault::Dies {
            failing.until_aborted().await;
            return None;
        }
        failing.until_stopped().await;
        match self.fault {
            Fault::Dies => {}
            Fault::StandsStillInTheWay => {
                stage.give_up().await;
                stage.until_in_the_way(other).await;
                failing.thaw();
                failing.until_back().await;
            }
            Fault::StandsStillToTheEnd => {
                stage.give_up().await;
                stage.until_answered().await;
                failing.thaw();
                failing.until_back().await;
            }
            Fault::CommitUnheard => {
                stage.database.mute();
                failing.thaw();
                stage.database.until_lost().await;
                stage.database.mend();
            }
            Fault::CommitUnanswered => {
                stage.commit_unanswered(&failing).await;
                stage.database.break_off();
            }
            Fault::CommitUnansweredAndDies => {
                stage.commit_unanswered(&failing).await;
                failing.kill();
                return None;
            }
            Fault::CommitUnansweredAndStandsStill => {
                stage.commit_unanswered(&failing).await;
                failing.freeze();
                stage.give_up().await;
                stage.until_answered().await;
                stage.database.break_off();
                failing.thaw();
                failing.until_back().await;
            }
        }
        Some(failing)
    }

    /// Where it failed shows in how many answers came from the ledger: besides the duplicates, the batch
    /// itself if it was decided.
    fn assert_failed_there(&self, replayed: usize) {
        let was_decided = match self.fault {
            Fault::Dies if UNDECIDED.contains(&self.point) => false,
            Fault::Dies | Fault::StandsStillToTheEnd if self.point == "at_ack" => return,
            Fault::StandsStillToTheEnd if UNDECIDED.contains(&self.point) => return,
            Fault::CommitUnheard => false,
            _ => true,
        };
        assert!(replayed >= DUPLICATES);
        assert_eq!(replayed > DUPLICATES, was_decided, "{replayed} came from the ledger");
    }
}
