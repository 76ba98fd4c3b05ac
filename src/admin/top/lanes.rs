//! What the workers' lanes do.

use super::sample::Sample;
use serde::Serialize;
use std::collections::BTreeMap;

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

impl Lane {
    pub(super) fn alarm(&self) -> bool {
        self.paused + self.blocked > 0
    }
}

/// All of them, by their numbers; busy over all these looks, the rest as at the last of them.
pub(super) fn lanes(looks: &[Sample]) -> Vec<Lane> {
    let Some(now) = looks.last() else { return Vec::new() };
    let mut lanes: BTreeMap<u16, Lane> = BTreeMap::new();
    let mut lane = |name: &str| {
        let number = name.parse().unwrap_or_default();
        lanes.entry(number).or_insert_with(|| Lane { lane: name.to_owned(), ..Lane::default() });
    };
    for series in now.pages().flat_map(|page| page.of("redeemq_lanes_consuming")) {
        lane(series.label("lane"));
    }
    let mut lanes: Vec<Lane> = lanes.into_values().collect();
    for lane in &mut lanes {
        let of = |looks: &[Sample], name: &str| -> Vec<f64> {
            let all = looks.iter().flat_map(Sample::pages).flat_map(|page| page.of(name));
            let of_lane = all.filter(|series| series.label("lane") == lane.lane);
            of_lane.map(|series| series.value).collect()
        };
        let just_now = std::slice::from_ref(now);
        let workers = |name: &str| of(just_now, name).iter().filter(|value| **value > 0.0).count();
        let busy = of(looks, "redeemq_lane_busy");
        let (consuming, paused, blocked) = (
            workers("redeemq_lanes_consuming"),
            workers("redeemq_lane_paused"),
            workers("redeemq_lane_blocked"),
        );
        let aside = of(just_now, "redeemq_jobs_aside").iter().sum();
        let busy = busy.iter().sum::<f64>() / busy.len().max(1) as f64;
        *lane =
            Lane { lane: std::mem::take(&mut lane.lane), consuming, busy, paused, blocked, aside };
    }
    lanes
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
