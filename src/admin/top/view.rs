//! What is shown, made from what was seen: pure.

use super::health::Health;
use super::lanes::{Lane, lanes};
use super::latency::Latency;
use super::queues::{Queue, queues};
use super::rates::Rates;
use super::refusals::{Refusal, Refusals, rfc3339};
use super::sample::{Sample, Span};
use super::watched::{Grants, Watched};
use serde::Serialize;
use std::collections::VecDeque;
use std::time::Duration;
use time::OffsetDateTime;

/// Rates are taken over this time, or over the time between two looks if that is longer: over a
/// second, a job a second would come and go.
const WINDOW: Duration = Duration::from_secs(5);

#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct View {
    #[serde(serialize_with = "rfc3339")]
    pub(super) at: OffsetDateTime,
    /// What rates and latencies are over; 0 after the first look.
    pub(super) over_seconds: f64,
    pub(super) processes: Vec<Process>,
    /// Why the broker is away, if it is asked and is.
    pub(super) broker_away: Option<String>,
    pub(super) jobs_per_second: Rates,
    pub(super) accepted_to_decided_seconds: Option<Latency>,
    pub(super) decided_to_published_seconds: Option<Latency>,
    pub(super) queues: Vec<Queue>,
    pub(super) lanes: Vec<Lane>,
    pub(super) watched: Vec<Watched>,
    pub(super) refusals: Vec<Refusal>,
    pub(super) health: Health,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Process {
    pub(super) address: String,
    pub(super) version: Option<String>,
    /// Why it is away, if it is.
    pub(super) away: Option<String>,
}

impl View {
    pub(super) fn answering(&self) -> usize {
        self.processes.iter().filter(|process| process.away.is_none()).count()
    }
}

/// All that was seen, as far as it is still needed.
#[derive(Debug, Default)]
pub(super) struct Seen {
    looks: VecDeque<Sample>,
    refusals: Refusals,
    grants: Grants,
}

impl Seen {
    pub(super) fn note(&mut self, now: Sample) {
        self.refusals.note(&now);
        self.grants.note(&now);
        let is_enough = |second: &Sample| now.at.saturating_duration_since(second.at) >= WINDOW;
        while self.looks.get(1).is_some_and(is_enough) {
            self.looks.pop_front();
        }
        self.looks.push_back(now);
    }

    /// None before the first look.
    pub(super) fn view(&mut self) -> Option<View> {
        let looks = &*self.looks.make_contiguous();
        let (before, now) = (looks.first()?, looks.last()?);
        let span = Span { before, now };
        let latency = |name: &str| Latency::of(&span, name);
        Some(View {
            at: now.clock,
            over_seconds: span.length().as_secs_f64(),
            processes: processes(now),
            broker_away: now.queues.as_ref().and_then(|told| told.as_ref().err().cloned()),
            jobs_per_second: Rates::of(&span),
            accepted_to_decided_seconds: latency("redeemq_accepted_to_decided_seconds"),
            decided_to_published_seconds: latency("redeemq_decided_to_published_seconds"),
            queues: queues(now),
            lanes: lanes(looks),
            watched: self.grants.watched(now),
            refusals: self.refusals.last(),
            health: Health::of(now),
        })
    }
}

fn processes(now: &Sample) -> Vec<Process> {
    let process = |(address, page): (&String, &Result<super::page::Page, String>)| {
        let build = page.as_ref().ok().and_then(|page| page.of("redeemq_build_info").first());
        Process {
            address: address.clone(),
            version: build.map(|build| build.label("version").to_owned()),
            away: page.as_ref().err().cloned(),
        }
    };
    now.pages.iter().map(process).collect()
}
