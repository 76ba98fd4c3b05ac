//! What the rules said, as text that fits a line of a table.

use super::ask::Ask;
use super::model;
use super::shop::{NOW, World};
use crate::domain::decide::{Earlier, Rules, Verdict, decide};
use crate::domain::job::Job;
use crate::domain::outcome::{Outcome, Refusal, Short};
use crate::domain::state::{Changes, State};
use time::{Duration, OffsetDateTime};

/// One batch, decided.
#[derive(Default)]
pub(super) struct Answered {
    pub(super) verdicts: Vec<Verdict>,
    pub(super) texts: Vec<String>,
    pub(super) changes: Changes,
    pub(super) state: State,
}

/// Decides a batch over a world as it was loaded.
pub(super) fn answer(world: &World, asks: &[Ask]) -> Answered {
    answer_on(world.state(), world, asks)
}

/// Decides a batch over a state that another batch left behind.
pub(super) fn answer_on(mut state: State, world: &World, asks: &[Ask]) -> Answered {
    let jobs: Vec<Job> = asks.iter().map(Ask::job).collect();
    let (verdicts, changes) = decide(&jobs, &mut state, &rules(world));
    let mut texts = Vec::new();
    for verdict in &verdicts {
        texts.push(of_verdict(verdict, &texts));
    }
    Answered { verdicts, texts, changes, state }
}

pub(super) fn rules(world: &World) -> Rules {
    Rules { now: NOW, age_max: world.age_max.map(Duration::seconds) }
}

/// Asks a batch: each answer must be the one expected, of the rules and of the model.
#[track_caller]
pub(super) fn assert_answers(world: &World, asks: &[Ask], expected: &[&str]) {
    assert_eq!(answer(world, asks).texts, expected, "asked: {asks:#?}");
    assert_eq!(model::decide(&mut world.clone(), asks), expected, "the model is wrong: {asks:#?}");
}

/// Asks a single job.
#[track_caller]
pub(super) fn assert_answer(world: &World, ask: Ask, expected: &str) {
    assert_answers(world, &[ask], &[expected]);
}

fn of_verdict(verdict: &Verdict, before: &[String]) -> String {
    let first = |earlier: &Earlier| match earlier {
        Earlier::Stored(stored) => stored.body.clone(),
        Earlier::InBatch(place) => before[*place].clone(),
    };
    match verdict {
        Verdict::Decided(outcome) => of_outcome(outcome),
        Verdict::Replay(earlier) => format!("again: {}", first(earlier)),
        Verdict::KeyConflict(earlier) => format!("3001: {}", first(earlier)),
    }
}

fn of_outcome(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Verified => "verified".to_owned(),
        Outcome::VerifiedBefore { branch, at } => format!("before {branch}@{}", from_now(*at)),
        Outcome::Refused(refusal) => of_refusal(refusal),
        Outcome::Granted(grant) => {
            let mut text = format!("0000 x{}", grant.amount);
            for code in &grant.codes {
                let end =
                    code.expires_at.map_or("never".to_owned(), |end| from_now(end).to_string());
                text.push_str(&format!(" {}@{end}", code.code));
            }
            text
        }
    }
}

fn of_refusal(refusal: &Refusal) -> String {
    let mut words = vec![refusal.code().as_str().to_owned()];
    if let Refusal::Missing(names) | Refusal::Unacceptable(names) = refusal {
        words.extend(names.iter().map(|name| (*name).to_owned()));
    }
    let short = |s: &Short| format!("{} {}<{}", s.cap, s.left, s.needed);
    words.extend(refusal.shorts().iter().map(short));
    words.join(" ")
}

fn from_now(at: OffsetDateTime) -> i64 {
    (at - NOW).whole_seconds()
}
