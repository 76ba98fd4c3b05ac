//! A lane's gauges.

use crate::worker::context::Context;

/// All gauges of a lane, so that operators see it from the start.
pub(in crate::worker) fn record_idle(context: &Context) {
    record_consuming(context, false);
    record_parked(context, 0, 0);
    record_busy(context, false);
    record_blocked(context, false);
    record_flag(context, "redeemq_lane_paused", false);
}

/// Without a session nothing is consumed, and nothing is in hand.
pub(in crate::worker) fn record_no_session(context: &Context) {
    record_consuming(context, false);
    record_parked(context, 0, 0);
    context.in_flight_age.set(std::iter::empty());
}

pub(in crate::worker) fn record_consuming(context: &Context, is_consuming: bool) {
    record_flag(context, "redeemq_lanes_consuming", is_consuming);
}

pub(in crate::worker) fn record_busy(context: &Context, is_busy: bool) {
    record_flag(context, "redeemq_lane_busy", is_busy);
}

pub(in crate::worker) fn record_blocked(context: &Context, is_blocked: bool) {
    record_flag(context, "redeemq_lane_blocked", is_blocked);
}

pub(in crate::worker) fn record_parked(context: &Context, held: usize, suspects: usize) {
    for (why, jobs) in [("held", held), ("suspect", suspects)] {
        let lane = context.source.label();
        metrics::gauge!("redeemq_jobs_aside", "lane" => lane, "why" => why).set(jobs as f64);
    }
}

fn record_flag(context: &Context, name: &'static str, is_set: bool) {
    metrics::gauge!(name, "lane" => context.source.label()).set(f64::from(u8::from(is_set)));
}
