//! What is published together.

use crate::broker::publish::message::{ConfirmStatus, Outgoing, Route};
use crate::worker::publish::pending_result::PendingResult;
use crate::worker::publish::result_counts::{ResultCounts, record_copies};

/// Results of deliveries, and copies for which no delivery waits.
#[derive(Default)]
pub(super) struct Window {
    pub(super) results: Vec<QueuedResult>,
    pub(super) copies: Vec<Outgoing>,
}

/// A result, and how often a queue has refused it.
pub(super) struct QueuedResult {
    pub(super) result: PendingResult,
    pub(super) refusals: u32,
}

/// A message that is not confirmed, while the broker answers otherwise.
pub(super) enum UnconfirmedMessage {
    /// The result that a delivery waits for.
    Result(PendingResult),
    /// A copy, for which nothing waits.
    Copy(Outgoing),
}

impl Window {
    pub(super) fn is_empty(&self) -> bool {
        self.results.is_empty() && self.copies.is_empty()
    }

    /// Adds results; their copies go on their own.
    pub(super) fn add(&mut self, results: impl IntoIterator<Item = PendingResult>) {
        for mut result in results {
            self.copies.append(&mut result.messages.copies);
            self.results.push(QueuedResult { result, refusals: 0 });
        }
    }

    pub(super) fn add_unconfirmed(&mut self, messages: Vec<UnconfirmedMessage>) {
        for message in messages {
            match message {
                UnconfirmedMessage::Result(result) => self.add([result]),
                UnconfirmedMessage::Copy(copy) => self.copies.push(copy),
            }
        }
    }

    /// Takes out what goes to such routes, dead letters excepted.
    pub(super) fn take(&mut self, is_such: impl Fn(&Route) -> bool) -> Vec<UnconfirmedMessage> {
        let is_taken =
            |queued: &mut QueuedResult| !queued.result.is_dead && is_such(&queued.route());
        let results = self.results.extract_if(.., is_taken);
        let mut taken: Vec<_> =
            results.map(|queued| UnconfirmedMessage::Result(queued.result)).collect();
        let copies = self.copies.extract_if(.., |copy| is_such(&copy.route()));
        taken.extend(copies.map(UnconfirmedMessage::Copy));
        taken
    }
}

impl QueuedResult {
    pub(super) fn message(&self) -> &Outgoing {
        &self.result.messages.main
    }

    pub(super) fn route(&self) -> Route {
        self.message().route()
    }
}

impl UnconfirmedMessage {
    pub(super) fn message(&self) -> &Outgoing {
        match self {
            Self::Result(result) => &result.messages.main,
            Self::Copy(copy) => copy,
        }
    }

    /// Counts what became of it; the delivery that is to be acknowledged then, if one waits.
    pub(super) fn record(self, status: ConfirmStatus) -> Option<u64> {
        match self {
            Self::Result(mut result) => {
                let mut counts = ResultCounts::default();
                counts.add(status, &mut result);
                counts.record();
                Some(result.tag)
            }
            Self::Copy(_) => {
                record_copies([status]);
                None
            }
        }
    }
}
