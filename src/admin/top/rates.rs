//! How many jobs a second, by operation, and what became of their results.

use super::sample::Span;
use crate::domain::code::Code;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

const ACCEPTED: &str = "redeemq_accepted_total";
const DECIDED: &str = "redeemq_decided_total";
const REFUSED: &str = "redeemq_refused_total";
const RESULTS: &str = "redeemq_results_total";

/// Jobs a second; none where no process reports them.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Rates {
    /// Whether anything was ever accepted, decided or refused by the processes that answer. That an
    /// ingress was not ready yet is no traffic.
    pub(super) any_traffic: bool,
    /// By operation, those that were ever asked for.
    pub(super) operations: Vec<Operation>,
    pub(super) all: Operation,
    /// Requests refused before they became jobs.
    pub(super) refused_before_publishing: Option<f64>,
    /// Results settled, by what became of them, those outcomes that there ever were.
    pub(super) results: BTreeMap<String, f64>,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub(super) struct Operation {
    pub(super) operation: String,
    pub(super) accepted: Option<f64>,
    pub(super) decided: Option<f64>,
    pub(super) refused: Option<f64>,
}

impl Rates {
    pub(super) fn of(span: &Span<'_>) -> Self {
        let known: BTreeSet<String> =
            [ACCEPTED, DECIDED].iter().flat_map(|name| ever(span, name, "operation")).collect();
        let of_known = known.iter().map(|operation| Operation::of(span, operation));
        let mut refused = ever(span, REFUSED, "code");
        let outcomes = ever(span, RESULTS, "outcome");
        let results = outcomes.map(|outcome| {
            let rate = rate(span, RESULTS, |label| label("outcome") == outcome);
            (outcome.clone(), rate.unwrap_or_default())
        });
        Self {
            any_traffic: !known.is_empty()
                || refused.any(|code| code != Code::Unavailable.as_str()),
            operations: of_known.collect(),
            all: Operation::of(span, ""),
            refused_before_publishing: rate(span, REFUSED, |_| true),
            results: results.collect(),
        }
    }
}

impl Operation {
    /// An operation's, or with an empty name that of all.
    fn of(span: &Span<'_>, operation: &str) -> Self {
        let is_it = |label: &dyn Fn(&str) -> String| {
            operation.is_empty() || label("operation") == operation
        };
        Self {
            operation: operation.to_owned(),
            accepted: rate(span, ACCEPTED, is_it),
            decided: rate(span, DECIDED, is_it),
            refused: rate(span, DECIDED, |label| {
                is_it(label) && label("code") != Code::Success.as_str()
            }),
        }
    }
}

/// Values of a label whose counters are not 0.
fn ever<'a>(span: &Span<'a>, name: &'a str, label: &'a str) -> impl Iterator<Item = String> + 'a {
    let counted = span.now.pages().flat_map(move |page| page.of(name)).filter(|s| s.value > 0.0);
    counted.map(move |series| series.label(label).to_owned())
}

/// The sum over the series that are wanted; 0 when there is a counter, but none of these.
fn rate(
    span: &Span<'_>,
    name: &str,
    wanted: impl Fn(&dyn Fn(&str) -> String) -> bool,
) -> Option<f64> {
    let rates = span.rates(name)?;
    let of_wanted = rates.iter().filter(|(labels, _)| {
        wanted(&|label: &str| labels.get(label).cloned().unwrap_or_default())
    });
    Some(of_wanted.map(|(_, rate)| rate).sum())
}

#[cfg(test)]
mod tests {
    use super::super::sample::tests::sample;
    use super::*;
    use std::time::Instant;

    fn rates(before: &[(&str, &str)], now: &[(&str, &str)]) -> Rates {
        let begun = Instant::now();
        let (before, now) = (sample(begun, 0, before), sample(begun, 2, now));
        Rates::of(&Span { before: &before, now: &now })
    }

    fn ingress(accepted: u32, refused: u32) -> String {
        format!(
            "redeemq_accepted_total{{operation=\"goods\"}} {accepted}
redeemq_accepted_total{{operation=\"verify\"}} 0
redeemq_refused_total{{code=\"0903\"}} {refused}\n"
        )
    }

    fn worker(granted: u32, refused: u32) -> String {
        format!(
            "redeemq_decided_total{{operation=\"goods\",code=\"0000\"}} {granted}
redeemq_decided_total{{operation=\"goods\",code=\"0604\"}} {refused}
redeemq_decided_total{{operation=\"verify\",code=\"0000\"}} 0
redeemq_results_total{{outcome=\"published\"}} {granted}
redeemq_results_total{{outcome=\"dead\"}} 0\n"
        )
    }

    #[test]
    fn operations_without_any_job_are_left_out() {
        let (before, now) = ((ingress(10, 0), worker(5, 0)), (ingress(30, 4), worker(15, 6)));
        let rates = rates(&[("i", &before.0), ("w", &before.1)], &[("i", &now.0), ("w", &now.1)]);
        assert!(rates.any_traffic && rates.operations.len() == 1, "{rates:?}");
        let goods = &rates.operations[0];
        assert_eq!(
            (goods.accepted, goods.decided, goods.refused),
            (Some(10.0), Some(8.0), Some(3.0))
        );
        assert_eq!(rates.refused_before_publishing, Some(2.0));
        assert_eq!(rates.results, BTreeMap::from([("published".to_owned(), 5.0)]));
    }

    #[test]
    fn what_no_process_counts_is_unknown_and_not_zero() {
        let rates = rates(&[("w", &worker(5, 0))], &[("w", &worker(5, 0))]);
        assert_eq!((rates.all.accepted, rates.all.decided), (None, Some(0.0)));
        assert_eq!(rates.refused_before_publishing, None);
    }

    #[test]
    fn counters_at_zero_are_no_traffic() {
        let (ingress, worker) = (ingress(0, 0), worker(0, 0));
        let pages = [("i", ingress.as_str()), ("w", worker.as_str())];
        assert!(!rates(&pages, &pages).any_traffic);
        let refused = self::ingress(0, 1);
        assert!(rates(&pages, &[("i", &refused)]).any_traffic);
        let not_ready = refused.replace("0903", "3003");
        assert!(!rates(&pages, &[("i", &not_ready)]).any_traffic);
    }
}
