//! Two workers, one of which has been told where to fail.

use super::WORKERS;
use super::jobs::Jobs;
use harness::{Bench, Process, Proxy, Reader, Role, Site, Tally, eventually};
use sqlx::AssertSqlSafe;

/// A worker that stands still holds its locks so long.
const LIMIT: (&str, &str) = ("REDEEMQ_STATEMENT_SECONDS", "2");
/// The batch at which a worker fails: after its seat and its gate.
const PASS: usize = 3;

pub struct Stage<'a> {
    pub site: &'a Site,
    pub bench: Bench,
    results: Reader,
    pub tally: Tally,
    /// The failing worker's lines.
    pub database: Proxy,
    broker: Proxy,
}

impl<'a> Stage<'a> {
    pub async fn open(site: &'a Site, jobs: &Jobs) -> Self {
        let bench = Bench::open(&site.amqp_url).await;
        bench.declare().await;
        let results = bench.results("#").await;
        let (database, broker) =
            (Proxy::before(&site.database_url).await, Proxy::before(&site.amqp_url).await);
        Self { site, bench, results, tally: Tally::of(&jobs.all()), database, broker }
    }

    /// The worker that fails at a point, and the other one.
    pub async fn workers(&self, failing: usize, point: &str, kind: &str) -> (Process, Process) {
        let crash = format!("{point}:{kind}:{PASS}");
        let told = [
            ("REDEEMQ_CRASH", crash.as_str()),
            ("DATABASE_URL", &self.database.url),
            ("AMQP_URL", &self.broker.url),
            LIMIT,
        ];
        let mut workers = Vec::new();
        for worker in WORKERS {
            let environment = if worker == failing { &told[..] } else { &[LIMIT] };
            workers.push(self.site.start(Role::Worker, environment).await);
            // From here on the jobs go round among them, in this order.
            self.until_consuming(workers.len()).await;
        }
        let failing = workers.remove(failing);
        (failing, workers.remove(0))
    }

    /// Has each worker take one half of the jobs as its third batch.
    pub async fn hand_out(&mut self, jobs: &Jobs, round: usize) {
        self.bench.publish_all(&jobs.seats).await;
        self.tally.read(&mut self.results, jobs.count() - jobs.seats.len()).await;
        let mut gate = self.site.store.begin().await.expect("a transaction");
        let lock = format!("select from goods where goods_id = 'gate-{round}' for update");
        sqlx::query(AssertSqlSafe(lock)).execute(&mut *gate).await.expect("held");
        self.bench.publish_all(&jobs.gates).await;
        self.site.until_waiting(2).await;
        self.bench.publish_all(&jobs.mixed).await;
        gate.rollback().await.expect("let go");
    }

    async fn until_consuming(&self, workers: usize) {
        eventually("so many workers consume", async || {
            self.bench.consumers("redeem.requests").await as usize == workers
        })
        .await;
    }

    pub async fn until_answered(&mut self) {
        self.tally.read_all(&self.bench, &mut self.results).await;
    }

    /// When all workers have ended: what they had not settled lies in the queue again, for whoever
    /// comes next.
    pub async fn until_nothing_is_left(&mut self) {
        self.until_consuming(0).await;
        while self.bench.depth("redeem.requests").await > 0 {
            let next = self.site.start(Role::Worker, &[]).await;
            self.until_answered().await;
            assert!(next.terminate().await.success());
            self.until_consuming(0).await;
        }
        self.tally.read_rest(&self.bench, &mut self.results).await;
    }

    /// The broker takes the failing worker for gone, and gives its deliveries to the other one.
    pub async fn give_up(&self) {
        self.broker.break_off();
        self.until_consuming(1).await;
    }

    /// The other worker waits for locks, or has put aside what wants them.
    pub async fn until_in_the_way(&self, other: &Process) {
        tokio::select! {
            () = self.site.until_waiting(1) => {}
            _ = other.logged_containing("jobs on locked rows were parked") => {}
        }
    }

    /// COMMIT goes through, and its answer is lost.
    pub async fn commit_unanswered(&self, failing: &Process) {
        self.database.deafen();
        failing.thaw();
        self.database.until_lost().await;
    }
}
