//! A lane's gauges. The broker's dead letters are no lane of jobs: of their consumer only what is aside is told.

use crate::broker::topology::lanes::Source;
use crate::worker::context::Context;

/// All gauges of a lane, so that operators see it from the start.
pub(in crate::worker) fn record_idle(context: &Context) {
    record_consuming(context, false);
    record_parked(context, 0, 0);
    record_busy(context, false);
    record_blocked(context, false);
    set("redeemq_lane_paused", context, false);
}

/// Without a session nothing is consumed, and nothing is in hand.
pub(in crate::worker) fn record_no_session(context: &Context) {
    record_consuming(context, false);
    record_parked(context, 0, 0);
    context.in_flight_age.set(std::iter::empty());
}

pub(in crate::worker) fn record_consuming(context: &Context, is_consuming: bool) {
    set("redeemq_lanes_consuming", context, is_consuming);
}

pub(in crate::worker) fn record_busy(context: &Context, is_busy: bool) {
    set("redeemq_lane_busy", context, is_busy);
}

pub(in crate::worker) fn record_blocked(context: &Context, is_blocked: bool) {
    set("redeemq_lane_blocked", context, is_blocked);
}

pub(in crate::worker) fn record_parked(context: &Context, held: usize, suspects: usize) {
    for (why, jobs) in [("held", held), ("suspect", suspects)] {
        let lane = context.source.label();
        metrics::gauge!("redeemq_jobs_aside", "lane" => lane, "why" => why).set(jobs as f64);
    }
}

fn set(name: &'static str, context: &Context, flag: bool) {
    if context.source != Source::DeadLetters {
        metrics::gauge!(name, "lane" => context.source.label()).set(f64::from(u8::from(flag)));
    }
}
