//! From request message to result message, through the real binary: at a steady load with the generator
//! beside it, and out of a queue that was full before the worker came.

use crate::jobs::Jobs;
use crate::process::Process;
use crate::rig::{Mark, Rig, rate};
use anyhow::ensure;
use std::sync::Arc;
use std::time::Duration;

/// How a steady load is measured.
#[derive(Debug, Clone, Copy)]
pub struct Steady {
    /// One batch being decided, one being published, and the queue never dry.
    pub under_way: usize,
    pub warm_up: f64,
    pub seconds: f64,
    /// There may be fewer than time allows.
    pub jobs_max: u64,
}

/// Jobs a second under a load that is always a little more than the worker can do. Everything that was
/// sent is answered in the end.
pub async fn steady(rig: &Rig, jobs: &Arc<Jobs>, load: Steady) -> anyhow::Result<f64> {
    let run = rig.begin(false, load.under_way)?;
    let mut sending = rig.send(jobs, &run, load.jobs_max);
    // The first batches prepare statements and open connections.
    run.until(1).await?;
    tokio::time::sleep(Duration::from_secs_f64(load.warm_up)).await;
    let from = next_mark(&run).await?;
    let end = tokio::time::Instant::now() + Duration::from_secs_f64(load.seconds);
    while tokio::time::Instant::now() < end && !sending.is_done()? {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let to = next_mark(&run).await?;
    sending.stop().await?;
    run.until(run.sent()).await?;
    rate(from, to)
}

/// The next results to come, or the last that came.
async fn next_mark(run: &crate::rig::Run) -> anyhow::Result<Mark> {
    let answered = run.answered();
    run.until((answered + 1).min(run.sent())).await
}

/// Jobs a second out of a full queue, from the first result to the last.
pub async fn drain(
    rig: &Rig,
    jobs: &Arc<Jobs>,
    count: u64,
    worker: impl AsyncFnOnce() -> anyhow::Result<Process>,
) -> anyhow::Result<f64> {
    let run = rig.begin(false, usize::try_from(count)?)?;
    rig.send(jobs, &run, count).finish().await?;
    let worker = worker().await?;
    run.until(count).await?;
    worker.stop().await?;
    let marks = run.marks();
    ensure!(marks.is_some(), "nothing was answered");
    marks.map_or(Ok(0.0), |(first, last)| rate(first, last))
}
