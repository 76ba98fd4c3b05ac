//! What a lane tells ops about itself, beside what it does.

use crate::worker::Context;

/// All that a lane tells about itself, so that ops see it there from the start.
pub(super) fn tell_idle(context: &Context) {
    tell_consuming(context, false);
    tell_aside(context, 0, 0);
    let lane = context.source.label();
    metrics::gauge!("redeemq_lane_busy", "lane" => lane.clone()).set(0.0);
    metrics::gauge!("redeemq_lane_paused", "lane" => lane.clone()).set(0.0);
    metrics::gauge!("redeemq_lane_blocked", "lane" => lane).set(0.0);
}

pub(super) fn tell_consuming(context: &Context, consumes: bool) {
    let lane = context.source.label();
    metrics::gauge!("redeemq_lanes_consuming", "lane" => lane).set(f64::from(u8::from(consumes)));
}

pub(super) fn tell_aside(context: &Context, held: usize, suspects: usize) {
    for (why, jobs) in [("held", held), ("suspect", suspects)] {
        let lane = context.source.label();
        metrics::gauge!("redeemq_jobs_aside", "lane" => lane, "why" => why).set(jobs as f64);
    }
}
