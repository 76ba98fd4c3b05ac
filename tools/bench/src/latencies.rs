//! Latency by load and of a lone job, each beside the worker that decides nothing.

use crate::campaign::Lab;
use crate::jobs::Kind;
use crate::latency::{Latencies, bare_commit, one_by_one, open_loop, percentile};
use crate::limits::HOT;
use crate::table;
use redeemq::worker::context::BATCH_MAX;

/// Who answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    Worker,
    Echo,
}

/// The series of a latency under load.
pub fn name(who: Who, load: u32, percent: &str) -> String {
    let who = if who == Who::Worker { "request to result" } else { "broker limit" };
    format!("{who}, at {load} % of the highest load, {percent}")
}

pub const LONE: &str = "a lone job, request to result, p50";
pub const RAW: &str = "a lone message there and back, p50";
pub const COMMIT: &str = "one bare commit, p50";
const PERCENTS: [(&str, f64); 4] = [("p50", 50.0), ("p99", 99.0), ("p99.9", 99.9), ("max", 100.0)];

pub async fn measure(lab: &mut Lab) -> anyhow::Result<()> {
    let plan = lab.bench.plan.clone();
    let hot = lab.jobs(Kind::Sponsor { spread: false })?;
    let highest = match lab.book.median(HOT) {
        Some(highest) => highest,
        None => lab.worker_rate(&hot, BATCH_MAX as u16, u64::MAX).await?,
    };
    for round in 1..=plan.side_rounds {
        for load in &plan.loads {
            table::progress(&format!("round {round} of {}: latency at {load} %", plan.side_rounds));
            let rate = highest * f64::from(*load) / 100.0;
            for who in [Who::Worker, Who::Echo] {
                let process = match who {
                    Who::Worker => lab.place.worker(BATCH_MAX as u16)?,
                    Who::Echo => lab.echo()?,
                };
                // Whoever has just started takes its first jobs late.
                one_by_one(&lab.rig, &hot, 1).await?;
                let latencies = open_loop(&lab.rig, &hot, rate, plan.warm_up, plan.seconds).await?;
                process.stop().await?;
                book(lab, who, *load, &latencies);
            }
        }
    }
    for round in 1..=plan.rounds {
        table::progress(&format!("round {round} of {}: lone jobs", plan.rounds));
        let count = plan.lone / plan.rounds + 1;
        let worker = lab.place.worker(BATCH_MAX as u16)?;
        let lone = one_by_one(&lab.rig, &hot, count).await?;
        worker.stop().await?;
        let echo = lab.echo()?;
        let raw = one_by_one(&lab.rig, &hot, count).await?;
        echo.stop().await?;
        let commit = bare_commit(&lab.place, count).await?;
        lab.book.add(LONE, "ms", percentile(&lone, 50.0));
        lab.book.add(RAW, "ms", percentile(&raw, 50.0));
        lab.book.add(COMMIT, "ms", commit);
    }
    Ok(())
}

fn book(lab: &mut Lab, who: Who, load: u32, latencies: &Latencies) {
    for (percent, at) in PERCENTS {
        lab.book.add(name(who, load, percent), "ms", percentile(latencies, at));
    }
}
