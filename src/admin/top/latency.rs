//! How long jobs took in the time between two looks, from the growth of histograms.

use super::sample::Span;
use serde::Serialize;

/// Seconds within which a half, and all but a hundredth, were done.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct Latency {
    pub(super) p50: f64,
    pub(super) p99: f64,
}

impl Latency {
    /// Of a histogram; none when nothing was measured meanwhile.
    pub(super) fn of(span: &Span<'_>, histogram: &str) -> Option<Self> {
        let grown = span.increases(&format!("{histogram}_bucket"))?;
        let bounded = grown
            .iter()
            .filter_map(|(labels, count)| Some((labels.get("le")?.parse::<f64>().ok()?, *count)));
        let mut buckets: Vec<(f64, f64)> = bounded.collect();
        buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
        Some(Self { p50: quantile(&buckets, 0.5)?, p99: quantile(&buckets, 0.99)? })
    }
}

/// As Prometheus has it: even within a bucket, and the highest bound for what lies beyond it.
fn quantile(buckets: &[(f64, f64)], share: f64) -> Option<f64> {
    let all = buckets.last().map(|(_, count)| *count).filter(|count| *count > 0.0)?;
    let wanted = all * share;
    let place = buckets.iter().position(|(_, count)| *count >= wanted)?;
    let (above, upto) = buckets[place];
    let (below, before) = if place == 0 { (0.0, 0.0) } else { buckets[place - 1] };
    if above.is_infinite() {
        return Some(below);
    }
    Some(below + (above - below) * (wanted - before) / (upto - before).max(f64::MIN_POSITIVE))
}

#[cfg(test)]
mod tests {
    use super::super::sample::tests::sample;
    use super::*;
    use std::time::Instant;

    fn page(counts: [u32; 4]) -> String {
        let bounds = ["0.01", "0.1", "1", "+Inf"];
        let line = |(bound, count)| format!("h_bucket{{le=\"{bound}\"}} {count}\n");
        bounds.iter().zip(counts).map(line).collect()
    }

    fn latency(before: [u32; 4], now: [u32; 4]) -> Option<Latency> {
        let (begun, before, now) = (Instant::now(), page(before), page(now));
        let (before, now) = (sample(begun, 0, &[("e", &before)]), sample(begun, 1, &[("e", &now)]));
        Latency::of(&Span { before: &before, now: &now }, "h")
    }

    #[test]
    fn only_what_came_in_between_counts() {
        let told = latency([900, 900, 900, 900], [900, 1_000, 1_000, 1_000]).expect("a latency");
        assert!((told.p50 - 0.055).abs() < 1e-9, "{told:?}");
        assert!((told.p99 - 0.0991).abs() < 1e-9, "{told:?}");
    }

    #[test]
    fn what_lies_beyond_the_highest_bound_is_at_least_that() {
        let told = latency([0; 4], [50, 50, 50, 100]).expect("a latency");
        assert_eq!((told.p50, told.p99), (0.01, 1.0));
    }

    #[test]
    fn without_anything_measured_there_is_no_latency() {
        assert_eq!(latency([5, 5, 5, 5], [5, 5, 5, 5]), None);
    }
}
