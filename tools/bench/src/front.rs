//! The front door against the broker behind it.

use crate::campaign::Lab;
use crate::http::{self, Door};
use crate::latency::percentile;
use crate::{proc, table};
use redeemq::worker::context::BATCH_MAX;
use std::time::Instant;

pub const ACCEPTED: &str = "HTTP, jobs accepted";
pub const RAW: &str = "the same messages, published and confirmed";
/// Callers who wait for decisions at a time.
const WAITERS: u32 = 16;

pub async fn measure(lab: &mut Lab) -> anyhow::Result<()> {
    let plan = lab.bench.plan.clone();
    let door = Door::open(&lab.bench, &lab.place).await?;
    let mut busy = 0.0;
    for round in 1..=plan.rounds {
        table::progress(&format!("round {round} of {}: the front door", plan.rounds));
        door.call(plan.connections, None, plan.warm_up).await?;
        lab.rig.purge().await?;
        let (begun, before) = (Instant::now(), own_cpu());
        let called = door.call(plan.connections, None, plan.seconds).await?;
        busy += (own_cpu() - before) / begun.elapsed().as_secs_f64();
        lab.book.add(ACCEPTED, "jobs/s", called.rate());
        lab.book.add("HTTP, an answer 202, p50", "ms", percentile(&called.latencies, 50.0));
        lab.book.add("HTTP, an answer 202, p99", "ms", percentile(&called.latencies, 99.0));
        let message = http::published(&lab.rig).await?;
        lab.rig.purge().await?;
        let raw = http::raw(&lab.place, &message, plan.seconds).await?;
        lab.rig.purge().await?;
        lab.book.add(RAW, "jobs/s", raw);
    }
    let share = busy / plan.rounds as f64;
    let connections = plan.connections;
    lab.book.note(format!(
        "HTTP: {connections} connections; their callers themselves took {share:.2} cores meanwhile"
    ));
    waits(lab, &door).await?;
    door.process.stop().await
}

/// How long a caller waits for a decision, alone and among others.
async fn waits(lab: &mut Lab, door: &Door) -> anyhow::Result<()> {
    table::progress("callers who wait for the decision");
    let plan = lab.bench.plan.clone();
    let worker = lab.place.worker(BATCH_MAX as u16)?;
    let run = lab.rig.begin(false, 0)?;
    let mut answered = door.call(1, Some(10), plan.warm_up).await?.accepted;
    for _ in 0..plan.side_rounds {
        for (callers, name) in [(1, "alone"), (WAITERS, "one of 16")] {
            let called = door.call(callers, Some(10), plan.seconds).await?;
            answered += called.accepted;
            for (percent, at) in [("p50", 50.0), ("p99", 99.0)] {
                let name = format!("HTTP, Prefer: wait, {name}, {percent}");
                lab.book.add(name, "ms", percentile(&called.latencies, at));
            }
        }
    }
    run.until(answered).await?;
    worker.stop().await
}

fn own_cpu() -> f64 {
    proc::own_cpu_seconds(std::process::id()).unwrap_or_default()
}
