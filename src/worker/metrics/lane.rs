//! A lane's gauges. The broker's dead letters are no lane of jobs: of their consumer only what is aside is told.

use crate::broker::topology::lanes::Source;
use crate::worker::context::Context;

/// All gauges of a lane, so that operators see it from the start.
pub(in crate::worker) fn record_idle(context: &Context) {
    record_consuming(context, false);
    record_parked(context, 0, 0);
    record_busy(context, false);
    record_blocked(context, false);
    of_lane(context, |lane| metrics::gauge!("redeemq_lane_paused", "lane" => lane), false);
}

/// Without a session nothing is consumed, and nothing is in hand.
pub(in crate::worker) fn record_no_session(context: &Context) {
    record_consuming(context, false);
    record_parked(context, 0, 0);
    context.in_flight_age.set(std::iter::empty());
}

pub(in crate::worker) fn record_consuming(context: &Context, is_consuming: bool) {
    of_lane(
        context,
        |lane| metrics::gauge!("redeemq_lanes_consuming", "lane" => lane),
        is_consuming,
    );
}

pub(in crate::worker) fn record_busy(context: &Context, is_busy: bool) {
    of_lane(context, |lane| metrics::gauge!("redeemq_lane_busy", "lane" => lane), is_busy);
}

pub(in crate::worker) fn record_blocked(context: &Context, is_blocked: bool) {
    of_lane(context, |lane| metrics::gauge!("redeemq_lane_blocked", "lane" => lane), is_blocked);
}

pub(in crate::worker) fn record_parked(context: &Context, held: usize, suspects: usize) {
    for (why, jobs) in [("held", held), ("suspect", suspects)] {
        let lane = context.source.label();
        metrics::gauge!("redeemq_jobs_aside", "lane" => lane, "why" => why).set(jobs as f64);
    }
}

fn of_lane(context: &Context, gauge: impl FnOnce(String) -> metrics::Gauge, flag: bool) {
    if context.source != Source::DeadLetters {
        gauge(context.source.label()).set(f64::from(u8::from(flag)));
    }
}
