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
            |queued: &mut QueuedResult| !queued.result.must_arrive() && is_such(&queued.route());
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::worker::publish::fixtures::{message, pending, tags};
    use crate::worker::publish::pending_result::Kind;

    fn keys(messages: &[Outgoing]) -> Vec<&str> {
        messages.iter().map(|message| message.routing_key.as_str()).collect()
    }

    fn window() -> Window {
        let mut window = Window::default();
        window.add([
            pending(1, Kind::Replayed, "acme.goods", &["mine"]),
            pending(2, Kind::DeadLetter(Some("poison")), "acme.goods", &["acme.goods", "other"]),
            pending(3, Kind::Replayed, "zeta.goods", &[]),
        ]);
        window
    }

    #[test]
    fn copies_go_on_their_own() {
        let window = window();
        assert!(window.results.iter().all(|queued| queued.result.messages.copies.is_empty()));
        assert_eq!(window.results.iter().map(|q| q.result.tag).collect::<Vec<_>>(), [1, 2, 3]);
        assert_eq!(keys(&window.copies), ["mine", "acme.goods", "other"]);
        assert!(!window.is_empty() && Window::default().is_empty());
    }

    #[test]
    fn what_goes_to_a_route_is_taken_out_of_it_except_dead_letters() {
        let mut window = window();
        let taken = window.take(|(_, key)| key.as_str() == "acme.goods");
        assert_eq!(tags(&taken), [Some(1), None]);
        assert!(taken.iter().all(|taken| taken.message().routing_key.as_str() == "acme.goods"));
        assert_eq!(window.results.iter().map(|q| q.result.tag).collect::<Vec<_>>(), [2, 3]);
        assert_eq!(keys(&window.copies), ["mine", "other"]);
    }

    #[test]
    fn what_was_unconfirmed_begins_anew_as_what_it_was() {
        let mut window = Window::default();
        let result = pending(7, Kind::Replayed, "acme.goods", &[]);
        let copy = UnconfirmedMessage::Copy(message("mine"));
        window.add_unconfirmed(vec![copy, UnconfirmedMessage::Result(result)]);
        assert_eq!((window.results[0].result.tag, window.results[0].refusals), (7, 0));
        assert_eq!(keys(&window.copies), ["mine"]);
    }

    #[test]
    fn only_a_result_has_a_delivery_that_waits_for_it() {
        let result = pending(7, Kind::Replayed, "acme.goods", &[]);
        let result = UnconfirmedMessage::Result(result).record(ConfirmStatus::Unconfirmed);
        assert_eq!(result, Some(7));
        let copy = UnconfirmedMessage::Copy(message("mine"));
        assert_eq!(copy.record(ConfirmStatus::Unconfirmed), None);
    }
}
