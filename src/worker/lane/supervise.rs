//! The supervisor of a lane: one session after another, until told to stop.

use crate::broker::topology::lanes::Source;
use crate::broker::{BrokerError, Result};
use crate::worker::context::Context;
use crate::worker::lane::restarts::Restarts;
use crate::worker::lane::start::Start;
use crate::worker::lane::state::Lane;
use crate::worker::metrics::lane::{record_idle, record_no_session};
use futures_util::FutureExt as _;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;
use tokio_util::sync::CancellationToken;

/// Runs sessions until told to stop, or until the lane was deleted.
pub(crate) async fn supervise(context: Arc<Context>, stop: CancellationToken) {
    record_idle(&context);
    let mut restarts = Restarts::new(matches!(context.source, Source::Lane(_)));
    while !stop.is_cancelled() {
        let begun = Instant::now();
        // A fault of ours outside of a job's decision ends this session alone.
        let session = AssertUnwindSafe(session(&context, restarts.start(), &stop)).catch_unwind();
        let ended = session.await.unwrap_or(Err(BrokerError::Panicked("a lane")));
        record_no_session(&context);
        let error = match ended {
            Ok(()) => return,
            Err(BrokerError::NoLane(number)) if number > context.settings.lanes.unwrap_or(0) => {
                tracing::info!(number, "lane deleted; no longer consuming from it");
                return;
            }
            Err(error) => error,
        };
        metrics::counter!("redeemq_sessions_lost_total").increment(1);
        let pause = restarts.lost(error.wants_one_by_one(), begun.elapsed());
        let (lane, pause_ms) = (context.source.label(), pause.as_millis() as u64);
        tracing::warn!(%error, %lane, pause_ms, "lane lost its broker connection; reconnecting");
        stop.run_until_cancelled(tokio::time::sleep(pause)).await;
    }
}

/// From connecting to the first fault, or to the end of the drain.
async fn session(context: &Arc<Context>, start: Start, stop: &CancellationToken) -> Result<()> {
    let mut lane = Lane::open(context, start).await?;
    let taken = lane.take(start, stop).await;
    lane.finish(taken).await
}
