//! Throughput by batch bound, and the memory of a worker that is busy for long.

use crate::campaign::Lab;
use crate::jobs::{Jobs, Kind};
use crate::limits::UNIT;
use crate::{end_to_end, proc, stats, table};
use redeemq::worker::context::BATCH_MAX;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

pub const GROWTH: &str = "worker's memory under full load, growth";
pub const RESIDENT: &str = "worker's memory under full load, highest";
/// The series of a batch bound.
pub fn bound_name(bound: u16) -> String {
    format!("end to end, sponsor, one goods row, batch bound {bound}")
}

pub async fn measure(lab: &mut Lab) -> anyhow::Result<()> {
    let plan = lab.bench.plan.clone();
    let hot = lab.jobs(Kind::Sponsor { spread: false })?;
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
            noting.lock().unwrap_or_else(PoisonError::into_inner).push(now);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    let mut load = lab.steady(BATCH_MAX as u16, u64::MAX);
    load.seconds = lab.bench.plan.watched;
    end_to_end::steady(&lab.rig, jobs, load).await?;
    watching.abort();
    lab.book.add(RESIDENT, "MiB", proc::resident(pid, true).unwrap_or_default());
    let seen = std::mem::take(&mut *seen.lock().unwrap_or_else(PoisonError::into_inner));
    lab.book.add(GROWTH, "MiB", stats::growth(&seen));
    worker.stop().await
}
