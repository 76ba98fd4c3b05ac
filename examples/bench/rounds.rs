//! Throughput and what bounds it, all in turns: whatever else the machine does meets all of them alike.

use crate::broker_limit;
use crate::campaign::Lab;
use crate::database_limit::Database;
use crate::end_to_end::{self, Steady};
use crate::jobs::{Jobs, Kind};
use crate::pgbench::Pgbench;
use crate::process::Process;
use crate::stats;
use crate::{proc, table};
use anyhow::ensure;
use redeemq::worker::BATCH_MAX;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

pub const HOT: &str = "end to end, sponsor, one goods row";
pub const SPREAD: &str = "end to end, sponsor, many goods rows";
pub const ONE_BY_ONE: &str = "end to end, sponsor, batch bound 1";
pub const BROKER: &str = "broker limit";
pub const DATABASE: &str = "database limit, one goods row";
pub const PGBENCH: &str = "pgbench, a transaction a job, one goods row";
pub const RESIDENT: &str = "worker's memory under full load, highest";
pub const GROWTH: &str = "worker's memory under full load, growth";

const UNIT: &str = "jobs/s";
const HOT_KIND: Kind = Kind::Sponsor { spread: false };
const SPREAD_KIND: Kind = Kind::Sponsor { spread: true };

/// The series of a batch bound.
pub fn bound_name(bound: u16) -> String {
    format!("end to end, sponsor, one goods row, batch bound {bound}")
}

impl Lab {
    pub fn steady(&self, batch_max: u16, jobs_max: u64) -> Steady {
        let plan = &self.bench.plan;
        let (least, batches) = plan.under_way;
        // A worker is sent three batches ahead; the others wait in the queue.
        let under_way = (usize::from(batch_max).min(1_000) * batches).max(least);
        Steady { under_way, warm_up: plan.warm_up, seconds: plan.seconds, jobs_max }
    }

    /// Jobs a second of a worker.
    pub async fn worker_rate(&self, jobs: &Arc<Jobs>, bound: u16, max: u64) -> anyhow::Result<f64> {
        let worker = self.place.worker(bound)?;
        let rate = end_to_end::steady(&self.rig, jobs, self.steady(bound, max)).await?;
        worker.stop().await?;
        Ok(rate)
    }

    /// A worker that decides nothing.
    pub fn echo(&self) -> anyhow::Result<Process> {
        broker_limit::start(&self.place, &self.bench.folder, &self.samples)
    }

    async fn echo_rate(&self, jobs: &Arc<Jobs>) -> anyhow::Result<f64> {
        let echo = self.echo()?;
        let load = self.steady(BATCH_MAX as u16, u64::MAX);
        let rate = end_to_end::steady(&self.rig, jobs, load).await?;
        echo.stop().await?;
        Ok(rate)
    }
}

/// Parts a to e of docs/measuring.md.
pub async fn limits(lab: &mut Lab) -> anyhow::Result<()> {
    let plan = lab.bench.plan.clone();
    let (hot, spread) = (lab.jobs(HOT_KIND)?, lab.jobs(SPREAD_KIND)?);
    let database = Database::open(&lab.place)?;
    let apart = lab.bench.copy().await?;
    let pgbench = Pgbench::find(&apart, &lab.bench.folder, &lab.bench.world, &lab.samples).await?;
    let clients = match &pgbench {
        Some(pgbench) => best_clients(lab, pgbench).await?,
        None => {
            lab.book.note("pgbench was not found: Debian's postgresql package has it");
            0
        }
    };
    let bound = BATCH_MAX as u16;
    let side = Side::new(lab)?;
    for round in 1..=plan.rounds {
        table::progress(&format!("round {round} of {}: limits, end to end", plan.rounds));
        let rate = lab.echo_rate(&hot).await?;
        lab.book.add(BROKER, UNIT, rate);
        let rate = database.rate(&hot, plan.warm_up, plan.seconds).await?;
        lab.book.add(DATABASE, UNIT, rate);
        let rate = lab.worker_rate(&hot, bound, u64::MAX).await?;
        lab.book.add(HOT, UNIT, rate);
        let rate = lab.worker_rate(&spread, bound, u64::MAX).await?;
        lab.book.add(SPREAD, UNIT, rate);
        let rate = lab.worker_rate(&hot, 1, u64::MAX).await?;
        lab.book.add(ONE_BY_ONE, UNIT, rate);
        if let Some(pgbench) = &pgbench {
            lab.book.add(PGBENCH, UNIT, pgbench.rate(clients, plan.seconds, false).await?);
        }
        if round <= plan.side_rounds {
            table::progress(&format!("round {round} of {}: other loads", plan.side_rounds));
            let rate = database.rate(&spread, plan.warm_up, plan.seconds).await?;
            lab.book.add("database limit, many goods rows", UNIT, rate);
            if let Some(pgbench) = &pgbench {
                let rate = pgbench.rate(clients, plan.seconds, true).await?;
                lab.book.add("pgbench, a transaction a job, many goods rows", UNIT, rate);
            }
            side.measure(lab, &hot).await?;
        }
    }
    Ok(())
}

async fn best_clients(lab: &mut Lab, pgbench: &Pgbench) -> anyhow::Result<u32> {
    table::progress("pgbench: how many clients serve it best");
    let mut best = (0, 0.0);
    for clients in lab.bench.plan.clients.clone() {
        let rate = pgbench.rate(clients, lab.bench.plan.seconds / 2.0, false).await?;
        if rate > best.1 {
            best = (clients, rate);
        }
    }
    lab.book
        .note(format!("pgbench with {} clients, the best of {:?}", best.0, lab.bench.plan.clients));
    Ok(best.0)
}

/// Other kinds of jobs, and full queues.
struct Side {
    goods: Arc<Jobs>,
    goods_spread: Arc<Jobs>,
    codes: Arc<Jobs>,
    verify: Arc<Jobs>,
}

impl Side {
    fn new(lab: &Lab) -> anyhow::Result<Self> {
        Ok(Self {
            goods: lab.jobs(Kind::Goods { spread: false })?,
            goods_spread: lab.jobs(Kind::Goods { spread: true })?,
            codes: lab.jobs(Kind::Codes)?,
            verify: lab.jobs(Kind::Verify)?,
        })
    }

    async fn measure(&self, lab: &mut Lab, hot: &Arc<Jobs>) -> anyhow::Result<()> {
        let bound = BATCH_MAX as u16;
        let rate = lab.worker_rate(&self.goods, bound, u64::MAX).await?;
        lab.book.add("end to end, goods without a price, one row", UNIT, rate);
        let rate = lab.worker_rate(&self.goods_spread, bound, u64::MAX).await?;
        lab.book.add("end to end, goods without a price, many rows", UNIT, rate);
        let left = u64::from(lab.bench.world.codes) - self.codes.drawn();
        ensure!(
            left > 0,
            "the pool is empty: this machine needs more codes (examples/bench/plan.rs)"
        );
        let rate = lab.worker_rate(&self.codes, bound, left).await?;
        lab.book.add("end to end, codes of one pool", UNIT, rate);
        let granted = self.codes.drawn() - self.verify.drawn();
        let rate = lab.worker_rate(&self.verify, bound, granted).await?;
        lab.book.add("end to end, verify, one pool", UNIT, rate);

        let drained = lab.bench.plan.drained;
        let worker = async || lab.place.worker(bound);
        let rate = end_to_end::drain(&lab.rig, hot, drained, worker).await?;
        lab.book.add("sponsor, out of a full queue", UNIT, rate);
        let rate = end_to_end::drain(&lab.rig, hot, drained, async || lab.echo()).await?;
        lab.book.add("broker limit, out of a full queue", UNIT, rate);
        Ok(())
    }
}

/// Throughput by batch bound, and the memory of a worker that is busy for long.
pub async fn bounds(lab: &mut Lab) -> anyhow::Result<()> {
    let plan = lab.bench.plan.clone();
    let hot = lab.jobs(HOT_KIND)?;
    let mut bounds = plan.bounds.clone();
    bounds.extend([1, BATCH_MAX as u16]);
    bounds.sort_unstable();
    for round in 1..=plan.side_rounds {
        table::progress(&format!("round {round} of {}: batch bounds", plan.side_rounds));
        for bound in &bounds {
            let rate = lab.worker_rate(&hot, *bound, u64::MAX).await?;
            lab.book.add(bound_name(*bound), UNIT, rate);
        }
    }
    table::progress(&format!("a worker's memory under {} s of full load", plan.watched));
    memory(lab, &hot).await
}

async fn memory(lab: &mut Lab, jobs: &Arc<Jobs>) -> anyhow::Result<()> {
    let worker = lab.place.worker(BATCH_MAX as u16)?;
    let (pid, seen) = (worker.pid(), Arc::new(Mutex::new(Vec::new())));
    let noting = Arc::clone(&seen);
    let watching = tokio::spawn(async move {
        while let Some(now) = proc::resident(pid, false) {
            noting.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(now);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    let mut load = lab.steady(BATCH_MAX as u16, u64::MAX);
    load.seconds = lab.bench.plan.watched;
    end_to_end::steady(&lab.rig, jobs, load).await?;
    watching.abort();
    lab.book.add(RESIDENT, "MiB", proc::resident(pid, true).unwrap_or_default());
    let seen = std::mem::take(&mut *seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
    lab.book.add(GROWTH, "MiB", stats::growth(&seen));
    worker.stop().await
}
