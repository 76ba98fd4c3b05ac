//! What the workers' lanes do.

use super::page::Series;
use super::sample::Sample;
use serde::Serialize;
use std::collections::BTreeSet;

/// A lane, over all workers.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub(super) struct Lane {
    pub(super) lane: String,
    /// Workers that take jobs from it.
    pub(super) consuming: usize,
    /// The share of looks at which a batch was in the database.
    pub(super) busy: f64,
    /// Workers that the database keeps from going on.
    pub(super) paused: usize,
    /// Workers that an alarm of the broker keeps from going on.
    pub(super) blocked: usize,
    /// Jobs that wait beside the others.
    pub(super) aside: f64,
}

/// All of them, by their numbers; busy over all these looks, the rest as at the last of them.
pub(super) fn lanes(looks: &[Sample]) -> Vec<Lane> {
    let told = looks.last().into_iter().flat_map(|now| told(now, "redeemq_lanes_consuming"));
    let names: BTreeSet<(u16, &str)> = told
        .map(|series| series.label("lane"))
        .map(|name| (name.parse().unwrap_or_default(), name))
        .collect();
    names.into_iter().filter_map(|(_, name)| Lane::of(looks, name)).collect()
}

impl Lane {
    fn of(looks: &[Sample], lane: &str) -> Option<Self> {
        let now = looks.last()?;
        let values = |look, name| {
            let of_lane = told(look, name).filter(|series| series.label("lane") == lane);
            of_lane.map(|series| series.value).collect::<Vec<f64>>()
        };
        let workers = |name| values(now, name).iter().filter(|value| **value > 0.0).count();
        let busy: Vec<f64> =
            looks.iter().flat_map(|look| values(look, "redeemq_lane_busy")).collect();
        Some(Self {
            lane: lane.to_owned(),
            consuming: workers("redeemq_lanes_consuming"),
            busy: busy.iter().sum::<f64>() / busy.len().max(1) as f64,
            paused: workers("redeemq_lane_paused"),
            blocked: workers("redeemq_lane_blocked"),
            aside: values(now, "redeemq_jobs_aside").iter().sum(),
        })
    }

    pub(super) fn alarm(&self) -> bool {
        self.paused + self.blocked > 0
    }
}

fn told<'a>(look: &'a Sample, name: &'a str) -> impl Iterator<Item = &'a Series> {
    look.pages().flat_map(move |page| page.of(name))
}

#[cfg(test)]
mod tests {
    use super::super::sample::tests::sample;
    use super::*;
    use std::time::Instant;

    fn page(lanes: &[&str], busy: u8, paused: u8) -> String {
        let lane = |lane: &&str| {
            format!(
                "redeemq_lanes_consuming{{lane=\"{lane}\"}} 1\nredeemq_lane_busy{{lane=\"{lane}\"}} {busy}\nredeemq_lane_paused{{lane=\"{lane}\"}} {paused}\n"
            )
        };
        lanes.iter().map(lane).collect()
    }

    #[test]
    fn lanes_of_all_workers_are_one_and_stand_in_the_order_of_their_numbers() {
        let (one, other) = (page(&["10", "2", "common"], 1, 0), page(&["2", "common"], 0, 1));
        let now = sample(Instant::now(), 0, &[("e", &one), ("f", &other)]);
        let told = lanes(&[now]);
        let told: Vec<_> =
            told.iter().map(|l| (l.lane.as_str(), l.consuming, l.busy, l.alarm())).collect();
        assert_eq!(told, [("common", 2, 0.5, true), ("2", 2, 0.5, true), ("10", 1, 1.0, false)]);
    }

    #[test]
    fn busy_is_how_often_it_was() {
        let begun = Instant::now();
        let looks =
            [1, 0, 0, 0].map(|busy| sample(begun, 0, &[("e", &page(&["common"], busy, 0))]));
        assert_eq!(lanes(&looks)[0].busy, 0.25);
    }
}
