//! Each job of a batch with its verdict and its result message.

use crate::domain::decide::{Earlier, Verdict};
use crate::domain::job::Job;
use crate::domain::outcome::Outcome;
use crate::store::persist::Entry;
use crate::wire::answer;
use crate::worker::batch::job_result::JobResult;
use std::sync::Arc;
use std::time::Instant;
use time::OffsetDateTime;

#[derive(derive_more::Debug)]
pub(super) struct Decided<'a> {
    job: &'a Job,
    verdict: Verdict,
    /// The result message.
    #[debug("***")]
    body: Arc<str>,
}

/// Pairs the jobs of a batch with their verdicts, and writes their result messages.
pub(super) fn pair(jobs: &[Job], verdicts: Vec<Verdict>, now: OffsetDateTime) -> Vec<Decided<'_>> {
    assert_eq!(jobs.len(), verdicts.len(), "the rules give each job one verdict");
    let mut decided: Vec<Decided<'_>> = Vec::with_capacity(jobs.len());
    for (job, verdict) in jobs.iter().zip(verdicts) {
        let first =
            |at: &usize| decided.get(*at).expect("a duplicate follows the first of its key");
        let body = match &verdict {
            Verdict::Decided(outcome) => answer::decided(job, outcome, now).into(),
            Verdict::Replay(Earlier::InBatch(at)) => Arc::clone(&first(at).body),
            Verdict::Replay(Earlier::Stored(stored)) => stored.body.as_str().into(),
            Verdict::KeyConflict(Earlier::InBatch(at)) => {
                answer::key_conflict(job, first(at).job.accepted_at, now).into()
            }
            Verdict::KeyConflict(Earlier::Stored(stored)) => {
                answer::key_conflict(job, stored.accepted_at, stored.decided_at).into()
            }
        };
        decided.push(Decided { job, verdict, body });
    }
    decided
}

impl Decided<'_> {
    /// What the ledger is to store; nothing of a duplicate.
    pub(super) fn entry(&self) -> Option<Entry<'_>> {
        match &self.verdict {
            Verdict::Decided(outcome) => Some(Entry { job: self.job, outcome, body: &self.body }),
            Verdict::Replay(_) | Verdict::KeyConflict(_) => None,
        }
    }

    pub(super) fn is_replay(&self) -> bool {
        matches!(self.verdict, Verdict::Replay(_))
    }

    pub(super) fn is_key_conflict(&self) -> bool {
        matches!(self.verdict, Verdict::KeyConflict(_))
    }

    pub(super) fn into_result(self, decided_at: Instant) -> JobResult {
        let is_new = matches!(self.verdict, Verdict::Decided(_));
        let is_grant =
            |outcome: &Outcome| matches!(outcome, Outcome::Granted(_) | Outcome::Verified);
        JobResult {
            decided_at: is_new.then_some(decided_at),
            is_effective: matches!(&self.verdict, Verdict::Decided(outcome) if is_grant(outcome)),
            body: self.body,
            place: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::outcome::Refusal;
    use crate::domain::state::Stored;
    use crate::worker::batch::fixtures::job;
    use serde_json::Value;
    use time::Duration;

    fn refused() -> Verdict {
        Verdict::Decided(Outcome::Refused(Refusal::TooOld))
    }

    fn effective(results: &[JobResult]) -> Vec<bool> {
        results.iter().map(|result| result.is_effective).collect()
    }

    fn json(body: &str) -> Value {
        serde_json::from_str(body).expect("JSON")
    }

    #[test]
    fn what_is_new_is_stored_and_told_in_the_same_bytes() {
        let jobs = [job("mug", "ann"), job("mug", "bob")];
        let now = OffsetDateTime::now_utc();
        let decided = pair(&jobs, vec![Verdict::Decided(Outcome::Verified), refused()], now);
        let bodies: Vec<Arc<str>> = decided.iter().map(|job| Arc::clone(&job.body)).collect();
        for (at, (job, code)) in jobs.iter().zip(["0000", "3004"]).enumerate() {
            let entry = decided[at].entry().expect("it is new");
            assert_eq!((entry.job, entry.body), (job, &*bodies[at]));
            assert_eq!(json(entry.body)["error_code"], code);
            assert_eq!(json(entry.body)["job_id"], job.job_id);
            assert!(!decided[at].is_replay() && !decided[at].is_key_conflict());
        }
        let at = Instant::now();
        let results: Vec<_> = decided.into_iter().map(|job| job.into_result(at)).collect();
        assert_eq!([&results[0].body, &results[1].body], [&bodies[0], &bodies[1]]);
        assert!(results.iter().all(|result| result.decided_at == Some(at)));
        assert_eq!(effective(&results), [true, false], "a refusal moves nothing");
    }

    #[test]
    fn a_duplicate_gets_the_bytes_of_the_first_and_is_not_stored() {
        let first = job("mug", "ann");
        let other = job("mug", "bob");
        let now = OffsetDateTime::now_utc();
        let stored = Arc::new(Stored {
            content: other.content,
            accepted_at: other.accepted_at,
            decided_at: now,
            body: "the stored bytes".to_owned(),
        });
        let jobs = [other.clone(), first.clone(), first];
        let replays = [Earlier::Stored(stored), Earlier::InBatch(1)].map(Verdict::Replay);
        let [of_stored, in_batch] = replays;
        let decided = pair(&jobs, vec![of_stored, refused(), in_batch], now);
        assert_eq!(&*decided[0].body, "the stored bytes");
        assert_eq!(decided[2].body, decided[1].body);
        for replay in [0, 2] {
            assert!(decided[replay].is_replay() && decided[replay].entry().is_none());
        }
        let results: Vec<_> =
            decided.into_iter().map(|job| job.into_result(Instant::now())).collect();
        assert!(results[0].is_replayed() && !results[1].is_replayed() && results[2].is_replayed());
        assert_eq!(effective(&results), [false; 3]);
    }

    #[test]
    fn a_key_conflict_reads_the_same_however_often_it_is_made() {
        let (first, mut other) = (job("mug", "ann"), job("mug", "bob"));
        other.accepted_at += Duration::seconds(1);
        let (now, hour) = (OffsetDateTime::now_utc(), Duration::hours(1));
        let in_batch = [first.clone(), other.clone()];
        let conflict = Verdict::KeyConflict(Earlier::InBatch(0));
        let in_batch = pair(&in_batch, vec![refused(), conflict], now);
        let stored = Arc::new(Stored {
            content: first.content,
            accepted_at: first.accepted_at,
            decided_at: now,
            body: in_batch[0].body.to_string(),
        });
        let conflict = Verdict::KeyConflict(Earlier::Stored(stored));
        let later = std::slice::from_ref(&other);
        let later = pair(later, vec![conflict], now + hour);
        assert_eq!(later[0].body, in_batch[1].body);
        assert_eq!(json(&later[0].body)["error_code"], "3001");
        assert!(later[0].is_key_conflict() && later[0].entry().is_none());
    }
}
