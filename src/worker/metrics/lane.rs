//! What a lane tells ops about itself, beside what it does.

use crate::worker::context::Context;

/// All that a lane tells about itself, so that ops see it there from the start.
pub(in crate::worker) fn record_idle(context: &Context) {
    record_consuming(context, false);
    record_parked(context, 0, 0);
    let lane = context.source.label();
    metrics::gauge!("redeemq_lane_busy", "lane" => lane.clone()).set(0.0);
    metrics::gauge!("redeemq_lane_paused", "lane" => lane.clone()).set(0.0);
    metrics::gauge!("redeemq_lane_blocked", "lane" => lane).set(0.0);
}

pub(in crate::worker) fn record_consuming(context: &Context, consumes: bool) {
    let lane = context.source.label();
    metrics::gauge!("redeemq_lanes_consuming", "lane" => lane).set(f64::from(u8::from(consumes)));
}

pub(in crate::worker) fn record_parked(context: &Context, held: usize, suspects: usize) {
    for (why, jobs) in [("held", held), ("suspect", suspects)] {
        let lane = context.source.label();
        metrics::gauge!("redeemq_jobs_aside", "lane" => lane, "why" => why).set(jobs as f64);
    }
}
