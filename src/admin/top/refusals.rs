//! What was refused last, from the growth of the counters by code. They know no ids, nor does this.

use super::page::Page;
use super::sample::{Sample, increases};
use crate::domain::code::Code;
use crate::wire;
use serde::{Serialize, Serializer};
use std::collections::BTreeMap;
use time::OffsetDateTime;

#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Refusal {
    /// The look at which there were more of them for the last time.
    #[serde(serialize_with = "rfc3339")]
    pub(super) at: OffsetDateTime,
    /// None for what was refused before it became a job.
    pub(super) operation: Option<String>,
    pub(super) code: String,
    /// For all of the code: what it is about is filled in.
    pub(super) message: &'static str,
    pub(super) count: u64,
}

impl Refusal {
    /// A fault of ours, or servers away.
    pub(super) fn alarm(&self) -> bool {
        [Code::Internal, Code::Unavailable].iter().any(|code| code.as_str() == self.code)
    }
}

type Kind = (Option<String>, String);

/// All refusals since the first look.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    seen: BTreeMap<Kind, (OffsetDateTime, f64)>,
    /// The last page of each endpoint: what happened while it was away is not missed.
    pages: BTreeMap<String, Page>,
}

impl Refusals {
    pub(super) fn note(&mut self, now: &Sample) {
        for (endpoint, page) in &now.pages {
            let Ok(page) = page else { continue };
            let Some(before) = self.pages.insert(endpoint.clone(), page.clone()) else { continue };
            let decided = increases(&before, page, "redeemq_decided_total");
            let refused = increases(&before, page, "redeemq_refused_total");
            for (labels, by) in decided.chain(refused).filter(|(_, by)| *by > 0.0) {
                let code = labels.get("code").cloned().unwrap_or_default();
                if code != Code::Success.as_str() {
                    let kind = (labels.get("operation").cloned(), code);
                    let (at, count) = self.seen.entry(kind).or_insert((now.clock, 0.0));
                    *at = now.clock;
                    *count += by;
                }
            }
        }
    }

    pub(super) fn last(&self) -> Vec<Refusal> {
        let refusal = |((operation, code), (at, count)): (&Kind, &(OffsetDateTime, f64))| {
            let known = Code::ALL.into_iter().find(|known| known.as_str() == code);
            let message = known.map_or("", Code::message);
            let (operation, code) = (operation.clone(), code.clone());
            Refusal { at: *at, operation, code, message, count: *count as u64 }
        };
        let mut last: Vec<Refusal> = self.seen.iter().map(refusal).collect();
        last.sort_by_key(|refusal| std::cmp::Reverse((refusal.at, refusal.count)));
        last
    }
}

pub(super) fn rfc3339<S: Serializer>(at: &OffsetDateTime, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&wire::rfc3339(*at))
}

#[cfg(test)]
mod tests {
    use super::super::sample::tests::sample;
    use super::*;
    use std::time::Instant;

    /// Times as seconds since noon, kinds and counts after these pages of one endpoint.
    fn last(pages: &[&str]) -> Vec<(i64, String, u64)> {
        let (begun, mut refusals) = (Instant::now(), Refusals::default());
        for (seconds, page) in pages.iter().enumerate() {
            refusals.note(&sample(begun, seconds as u64, &[("e", page)]));
        }
        let told = refusals.last().into_iter().map(|refusal| {
            assert!(!refusal.message.is_empty());
            let operation = refusal.operation.as_deref().unwrap_or("-");
            let kind = format!("{operation} {}", refusal.code);
            (refusal.at.unix_timestamp() % 3_600, kind, refusal.count)
        });
        told.collect()
    }

    fn decided(operation: &str, code: &str, count: u64) -> String {
        format!("redeemq_decided_total{{operation=\"{operation}\",code=\"{code}\"}} {count}\n")
    }

    #[test]
    fn refusals_are_told_by_their_kinds_with_the_last_one_first() {
        let first = decided("goods", "0604", 5) + &decided("goods", "0000", 9);
        let second = decided("goods", "0604", 7) + &decided("goods", "0000", 99);
        let third = decided("goods", "0604", 7) + "redeemq_refused_total{code=\"0903\"} 1\n";
        let told = last(&[&first, &second, &third]);
        assert_eq!(told, [(2, "- 0903".to_owned(), 1), (1, "goods 0604".to_owned(), 2)]);
    }

    #[test]
    fn what_was_refused_before_the_first_look_is_not_told() {
        assert_eq!(last(&[&decided("goods", "0604", 5)]), []);
    }

    #[test]
    fn what_happened_while_an_endpoint_was_away_is_told_when_it_is_back() {
        let (first, second) = (decided("verify", "0608", 1), decided("verify", "0608", 4));
        let told = last(&[&first, "away: gone", &second]);
        assert_eq!(told, [(2, "verify 0608".to_owned(), 3)]);
    }
}
