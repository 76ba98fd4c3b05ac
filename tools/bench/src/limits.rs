//! Throughput and what bounds it, all in turns: whatever else the machine does meets all of them alike.

use crate::broker_limit;
use crate::campaign::Lab;
use crate::database_limit::Database;
use crate::end_to_end::{self, Steady};
use crate::jobs::{Jobs, Kind};
use crate::kinds::Side;
use crate::pgbench::Pgbench;
use crate::process::Process;
use crate::table;
use redeemq::worker::context::BATCH_MAX;
use std::sync::Arc;

pub const HOT: &str = "end to end, sponsor, one goods row";
pub const SPREAD: &str = "end to end, sponsor, many goods rows";
pub const ONE_BY_ONE: &str = "end to end, sponsor, batch bound 1";
pub const BROKER: &str = "broker limit";
pub const DATABASE: &str = "database limit, one goods row";
pub const PGBENCH: &str = "pgbench, a transaction a job, one goods row";

/// Of throughput.
pub const UNIT: &str = "jobs/s";
const HOT_KIND: Kind = Kind::Sponsor { spread: false };
const SPREAD_KIND: Kind = Kind::Sponsor { spread: true };

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

pub async fn measure(lab: &mut Lab) -> anyhow::Result<()> {
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
