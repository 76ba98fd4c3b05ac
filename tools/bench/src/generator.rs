//! The load: messages in confirmed windows, as an ingress under load sends them, with a bound on how many
//! are under way, so that the queue neither runs dry nor grows.

use crate::jobs::Jobs;
use crate::rig::Run;
use anyhow::ensure;
use redeemq::broker::Pool;
use redeemq::broker::publish::message::{ConfirmStatus, MaxMessageSize};
use redeemq::broker::publish::publisher::Publisher;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use tokio::task::JoinSet;

/// Like an ingress: one fills a window while the other waits for confirms.
pub const PUBLISHERS: usize = 2;
/// Most messages in a window; fewer where fewer are under way.
const WINDOW_MAX: usize = 250;

/// Publishers at work.
pub struct Sending {
    stop: Arc<AtomicBool>,
    tasks: JoinSet<anyhow::Result<()>>,
}

impl Sending {
    pub fn start(pool: Pool, jobs: Arc<Jobs>, run: Arc<Run>, jobs_max: u64) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let left = Arc::new(AtomicU64::new(jobs_max));
        let size = (run.under_way / (2 * PUBLISHERS)).clamp(1, WINDOW_MAX) as u32;
        let mut tasks = JoinSet::new();
        for _ in 0..PUBLISHERS {
            let (jobs, run, pool) = (Arc::clone(&jobs), Arc::clone(&run), pool.clone());
            let (stop, left) = (Arc::clone(&stop), Arc::clone(&left));
            tasks.spawn(async move {
                let publisher = Publisher::open(&pool, MaxMessageSize::default()).await?;
                while !stop.load(Ordering::Relaxed) {
                    let window = take(&left, size);
                    if window == 0 {
                        break;
                    }
                    let Ok(leave) = run.leave.acquire_many(window).await else { break };
                    leave.forget();
                    let messages = jobs.window(window.into());
                    let receipts = publisher.publish(&messages, true).await?;
                    let all = receipts.iter().all(|receipt| *receipt == ConfirmStatus::Confirmed);
                    ensure!(all, "the broker did not take all requests");
                    run.confirm(window.into());
                }
                Ok(())
            });
        }
        Self { stop, tasks }
    }

    /// Whether all that was to be sent has been.
    ///
    /// # Errors
    /// When the broker did not take it.
    pub fn is_done(&mut self) -> anyhow::Result<bool> {
        while let Some(sent) = self.tasks.try_join_next() {
            sent??;
        }
        Ok(self.tasks.is_empty())
    }

    /// No more than what is under way already.
    pub async fn stop(self) -> anyhow::Result<()> {
        self.stop.store(true, Ordering::Relaxed);
        self.finish().await
    }

    /// Waits until all is sent.
    pub async fn finish(mut self) -> anyhow::Result<()> {
        while let Some(sent) = self.tasks.join_next().await {
            sent??;
        }
        Ok(())
    }
}

fn take(left: &AtomicU64, size: u32) -> u32 {
    let window = |left: u64| left.min(size.into());
    let taking = |left| Some(left - window(left));
    let before = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, taking);
    u32::try_from(window(before.unwrap_or_default())).unwrap_or(size)
}
