//! Campaigns: what is left of watched goods, how fast it goes, and when it will be gone.

use super::sample::Sample;
use serde::Serialize;
use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

/// Workers read the stock every few seconds, and in between the number stands still. So a rate is taken
/// from one step of the number to another, or from two readings that are this far apart.
const SILENCE: Duration = Duration::from_secs(10);
/// Steps that are older tell nothing of now.
const WINDOW: Duration = Duration::from_secs(30);

/// Goods; what is not known is none.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Watched {
    /// A client, or `@` and a sponsor.
    pub(super) owner: String,
    pub(super) goods: String,
    /// Units; none also where there is no bound.
    pub(super) remaining: Option<f64>,
    pub(super) unlimited: bool,
    pub(super) granted_per_second: Option<f64>,
    pub(super) exhausted_in_seconds: Option<f64>,
}

impl Watched {
    /// Nothing is left: more is to be imported, or the campaign to be ended.
    pub(super) fn alarm(&self) -> bool {
        self.remaining.is_some_and(|units| units <= 0.0)
    }
}

type Name = (String, String);

/// How grants went so far.
#[derive(Debug, Default)]
pub(super) struct Grants(BTreeMap<Name, Steps>);

#[derive(Debug)]
struct Steps {
    began: (Instant, f64),
    last: f64,
    steps: VecDeque<(Instant, f64)>,
}

impl Grants {
    pub(super) fn note(&mut self, now: &Sample) {
        for (name, granted) in told(now, "redeemq_goods_granted_total") {
            let first =
                || Steps { began: (now.at, granted), last: granted, steps: VecDeque::new() };
            self.0.entry(name).or_insert_with(first).note(now.at, granted);
        }
    }

    /// All that workers tell of.
    pub(super) fn watched(&self, now: &Sample) -> Vec<Watched> {
        let watched = |((owner, goods), left): (Name, f64)| {
            let name = (owner, goods);
            let rate = self.0.get(&name).and_then(|steps| steps.rate(now.at));
            let remaining = Some(left).filter(|left| left.is_finite());
            let gone = |(left, rate): (f64, f64)| {
                if left <= 0.0 { Some(0.0) } else { (rate > 0.0).then(|| left / rate) }
            };
            Watched {
                owner: name.0,
                goods: name.1,
                remaining,
                unlimited: remaining.is_none(),
                granted_per_second: rate,
                exhausted_in_seconds: remaining.zip(rate).and_then(gone),
            }
        };
        told(now, "redeemq_goods_remaining").into_iter().map(watched).collect()
    }
}

impl Steps {
    fn note(&mut self, at: Instant, granted: f64) {
        if granted != self.last {
            self.last = granted;
            self.steps.push_back((at, granted));
        }
        while self.steps.len() > 2 && self.steps.front().is_some_and(|(of, _)| at - *of > WINDOW) {
            self.steps.pop_front();
        }
    }

    fn rate(&self, now: Instant) -> Option<f64> {
        let last_at = self.steps.back().map_or(self.began.0, |(at, _)| *at);
        let silence = now.saturating_duration_since(last_at);
        if let (Some((from, before)), true) = (self.steps.front(), self.steps.len() > 1) {
            let late = silence.saturating_sub(SILENCE);
            let seconds = (last_at + late - *from).as_secs_f64();
            return Some((self.last - before) / seconds);
        }
        let watched = now.saturating_duration_since(self.began.0);
        (watched >= SILENCE).then(|| (self.last - self.began.1) / watched.as_secs_f64())
    }
}

/// The same on each worker, which have looked at different times.
fn told(now: &Sample, name: &str) -> BTreeMap<Name, f64> {
    let mut told: BTreeMap<Name, f64> = BTreeMap::new();
    for series in now.pages().flat_map(|page| page.of(name)) {
        let name = (series.label("owner").to_owned(), series.label("goods").to_owned());
        let most = told.entry(name).or_insert(series.value);
        *most = most.max(series.value);
    }
    told.retain(|_, value| !value.is_nan());
    told
}

#[cfg(test)]
mod tests {
    use super::super::sample::tests::sample;
    use super::*;

    fn page(remaining: &str, granted: u64) -> String {
        let labels = "{owner=\"@cola\",goods=\"cola\"}";
        format!(
            "redeemq_goods_remaining{labels} {remaining}\nredeemq_goods_granted_total{labels} {granted}\n"
        )
    }

    /// What is told at the last of these times, of numbers granted.
    fn after(looks: &[(u64, u64)], remaining: &str) -> Option<Watched> {
        let (begun, mut grants) = (Instant::now(), Grants::default());
        let mut told = Vec::new();
        for (seconds, granted) in looks {
            let now = sample(begun, *seconds, &[("e", &page(remaining, *granted))]);
            grants.note(&now);
            told = grants.watched(&now);
        }
        told.pop()
    }

    fn rate(looks: &[(u64, u64)]) -> Option<f64> {
        after(looks, "500").expect("watched").granted_per_second
    }

    #[test]
    fn a_rate_is_told_from_one_step_to_another_and_not_from_looks_between() {
        assert_eq!(rate(&[(0, 0), (1, 0), (2, 40)]), None);
        let looks = [(0, 0), (2, 40), (3, 40), (4, 40), (7, 140), (9, 140)];
        let watched = after(&looks, "500").expect("watched");
        assert_eq!(watched.granted_per_second, Some(20.0));
        assert_eq!((watched.remaining, watched.exhausted_in_seconds), (Some(500.0), Some(25.0)));
    }

    #[test]
    fn the_rate_of_goods_without_demand_falls_to_zero() {
        assert_eq!(rate(&[(0, 7), (9, 7)]), None);
        assert_eq!(rate(&[(0, 7), (10, 7)]), Some(0.0));
        assert_eq!(rate(&[(0, 7), (10, 207)]), Some(20.0));
        assert_eq!(rate(&[(0, 0), (2, 40), (7, 140), (22, 140)]), Some(10.0));
    }

    #[test]
    fn unlimited_goods_never_run_out_and_goods_that_did_need_attention() {
        let looks = [(0, 0), (2, 40), (7, 140)];
        let unbounded = after(&looks, "+Inf").expect("watched");
        assert!(unbounded.unlimited && unbounded.remaining.is_none() && !unbounded.alarm());
        assert_eq!(unbounded.exhausted_in_seconds, None);
        let gone = after(&looks, "0").expect("watched");
        assert!(gone.alarm() && gone.exhausted_in_seconds == Some(0.0), "{gone:?}");
    }

    #[test]
    fn what_is_watched_no_longer_is_not_shown() {
        assert_eq!(after(&[(0, 1)], "NaN"), None);
    }
}
