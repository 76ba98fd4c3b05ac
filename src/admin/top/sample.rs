//! What all endpoints and the broker said at one time, and how much counters grew between two times.

use super::page::{Labels, Page};
use crate::broker::inspect::depths::Depth;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use time::OffsetDateTime;

#[derive(Debug, Clone)]
pub(super) struct Sample {
    pub(super) at: Instant,
    pub(super) clock: OffsetDateTime,
    /// By endpoint: its page, or why it is away.
    pub(super) pages: BTreeMap<String, Result<Page, String>>,
    /// What the broker said, if it is asked at all, or why it is away.
    pub(super) queues: Option<Result<Vec<Depth>, String>>,
}

impl Sample {
    pub(super) fn pages(&self) -> impl Iterator<Item = &Page> {
        self.pages.values().filter_map(|page| page.as_ref().ok())
    }

    /// Known numbers of this name.
    pub(super) fn values(&self, name: &str) -> impl Iterator<Item = f64> {
        self.pages().flat_map(move |page| page.values(name))
    }

    /// Their sum; none where no process reports one.
    pub(super) fn sum(&self, name: &str) -> Option<f64> {
        self.values(name).reduce(|sum, value| sum + value)
    }

    pub(super) fn max(&self, name: &str) -> Option<f64> {
        self.values(name).reduce(f64::max)
    }
}

/// Two looks, the earlier one first.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span<'a> {
    pub(super) before: &'a Sample,
    pub(super) now: &'a Sample,
}

impl Span<'_> {
    pub(super) fn length(&self) -> Duration {
        self.now.at.saturating_duration_since(self.before.at)
    }

    /// How much counters of this name grew, by their labels and summed over the endpoints that
    /// answered both times; none where no process reports one.
    pub(super) fn increases(&self, name: &str) -> Option<BTreeMap<Labels, f64>> {
        let mut grown = BTreeMap::new();
        for (endpoint, now) in &self.now.pages {
            let (Ok(now), Some(Ok(before))) = (now, self.before.pages.get(endpoint)) else {
                continue;
            };
            for (labels, by) in increases(before, now, name) {
                *grown.entry(labels.clone()).or_default() += by;
            }
        }
        (!grown.is_empty()).then_some(grown)
    }

    pub(super) fn rates(&self, name: &str) -> Option<BTreeMap<Labels, f64>> {
        let seconds = self.length().as_secs_f64();
        let mut rates = self.increases(name).filter(|_| seconds > 0.0)?;
        rates.values_mut().for_each(|rate| *rate /= seconds);
        Some(rates)
    }
}

/// How much counters of one process grew. One that is smaller than before, or told by a process that
/// has begun since, has begun at 0 in between.
pub(super) fn increases<'a>(
    before: &'a Page,
    now: &'a Page,
    name: &'a str,
) -> impl Iterator<Item = (&'a Labels, f64)> {
    const BEGUN: &str = "process_start_time_seconds";
    let is_same = before.of(BEGUN) == now.of(BEGUN);
    now.of(name).iter().map(move |series| {
        let earlier = before.of(name).iter().find(|earlier| earlier.labels == series.labels);
        let from =
            earlier.map(|earlier| earlier.value).filter(|from| is_same && *from <= series.value);
        (&series.labels, series.value - from.unwrap_or_default())
    })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use time::macros::datetime;

    /// A look so many seconds after noon, at these pages.
    pub(in crate::admin::top) fn sample(
        begun: Instant,
        seconds: u64,
        pages: &[(&str, &str)],
    ) -> Sample {
        let page = |text: &str| match text.strip_prefix("away: ") {
            Some(why) => Err(why.to_owned()),
            None => Ok(Page::parse(text).expect("a page")),
        };
        let after = Duration::from_secs(seconds);
        Sample {
            at: begun + after,
            clock: datetime!(2026-11-28 12:00 UTC) + after,
            pages: pages.iter().map(|(name, text)| ((*name).to_owned(), page(text))).collect(),
            queues: None,
        }
    }

    fn grown(before: &[(&str, &str)], now: &[(&str, &str)]) -> Option<Vec<(String, f64)>> {
        let begun = Instant::now();
        let (before, now) = (sample(begun, 0, before), sample(begun, 2, now));
        let grown = Span { before: &before, now: &now }.increases("a_total")?;
        let named =
            |(labels, by): (Labels, f64)| (labels.get("x").cloned().unwrap_or_default(), by);
        Some(grown.into_iter().map(named).collect())
    }

    fn is(x: &str, by: f64) -> (String, f64) {
        (x.to_owned(), by)
    }

    #[test]
    fn increases_of_all_endpoints_are_added_up_by_labels() {
        let before = [("e", "a_total{x=\"1\"} 5\n"), ("f", "a_total{x=\"1\"} 1\n")];
        let now =
            [("e", "a_total{x=\"1\"} 7\na_total{x=\"2\"} 3\n"), ("f", "a_total{x=\"1\"} 2\n")];
        assert_eq!(grown(&before, &now), Some(vec![is("1", 3.0), is("2", 3.0)]));
    }

    #[test]
    fn an_endpoint_that_was_away_adds_nothing_and_one_alone_is_no_number() {
        let before = [("e", "away: gone"), ("f", "a_total 1\n")];
        assert_eq!(
            grown(&before, &[("e", "a_total 9\n"), ("f", "a_total 2\n")]),
            Some(vec![is("", 1.0)])
        );
        assert_eq!(grown(&before, &[("e", "a_total 9\n"), ("f", "away: gone")]), None);
    }

    #[test]
    fn a_process_that_began_anew_began_at_zero() {
        assert_eq!(
            grown(&[("e", "a_total 9\n")], &[("e", "a_total 2\n")]),
            Some(vec![is("", 2.0)])
        );
        let at =
            |start: u8, value: u8| format!("process_start_time_seconds {start}\na_total {value}\n");
        let (before, now) = (at(1, 5), at(2, 8));
        assert_eq!(grown(&[("e", &before)], &[("e", &now)]), Some(vec![is("", 8.0)]));
    }
}
