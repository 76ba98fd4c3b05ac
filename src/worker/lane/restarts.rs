//! How the next session begins after one was lost, and after what pause: the rules, without the broker.

use crate::retry::Pauses;
use crate::worker::lane::start::Start;
use std::time::Duration;

/// After this time whatever ended the session before is not going to end this one.
pub(super) const STABLE_AFTER: Duration = Duration::from_secs(5);
/// The pause before what ended a session is charged alone: the broker bounds how often there is one.
const ONE_BY_ONE_PAUSE: Duration = Duration::from_millis(10);

/// The sessions of a lane, one after another.
#[derive(Debug)]
pub(super) struct Restarts {
    /// Whether its broker sends to one consumer only. Such a session can't see what its queue holds
    /// before it is too late; others look for themselves.
    has_single_consumer: bool,
    start: Start,
    pauses: Pauses,
}

impl Restarts {
    pub(super) fn new(has_single_consumer: bool) -> Self {
        Self { has_single_consumer, start: Start::Usual, pauses: Pauses::new() }
    }

    /// How the next session begins.
    pub(super) fn start(&self) -> Start {
        self.start
    }

    /// A session was lost after this time; returns the pause before the next one.
    pub(super) fn lost(&mut self, wants_one_by_one: bool, lasted: Duration) -> Duration {
        let was_stable = lasted >= STABLE_AFTER;
        if was_stable {
            self.pauses.reset();
        }
        let is_unfinished =
            self.has_single_consumer && !was_stable && self.start == Start::OneByOne;
        self.start = if wants_one_by_one || is_unfinished { Start::OneByOne } else { Start::Usual };
        if wants_one_by_one { ONE_BY_ONE_PAUSE } else { self.pauses.draw() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: Duration = Duration::from_secs(1);
    /// Longer than any first pause can be.
    const LONG_PAUSE: Duration = Duration::from_millis(100);

    #[test]
    fn a_lane_begins_as_usual_and_so_does_the_session_after_a_fault() {
        for has_single_consumer in [false, true] {
            let mut restarts = Restarts::new(has_single_consumer);
            assert_eq!(restarts.start(), Start::Usual);
            restarts.lost(false, SHORT);
            assert_eq!(restarts.start(), Start::Usual);
        }
    }

    #[test]
    fn what_is_to_be_charged_alone_comes_one_by_one_and_almost_at_once() {
        let mut restarts = Restarts::new(false);
        for _ in 0..20 {
            assert_eq!(restarts.lost(true, SHORT), ONE_BY_ONE_PAUSE);
            assert_eq!(restarts.start(), Start::OneByOne);
        }
    }

    #[test]
    fn the_common_queues_are_taken_as_usual_after_the_next_fault() {
        let mut restarts = Restarts::new(false);
        restarts.lost(true, SHORT);
        restarts.lost(false, SHORT);
        assert_eq!(restarts.start(), Start::Usual);
    }

    #[test]
    fn a_lane_that_was_not_finished_one_by_one_goes_on_so() {
        let mut restarts = Restarts::new(true);
        restarts.lost(true, SHORT);
        for _ in 0..3 {
            restarts.lost(false, SHORT);
            assert_eq!(restarts.start(), Start::OneByOne);
        }
        restarts.lost(false, STABLE_AFTER);
        assert_eq!(restarts.start(), Start::Usual, "it was through with them");
    }

    #[test]
    fn pauses_grow_with_each_fault_until_a_session_was_stable() {
        let mut restarts = Restarts::new(false);
        let longest = (0..50).map(|_| restarts.lost(false, SHORT)).max();
        assert!(longest > Some(LONG_PAUSE));
        assert!(restarts.lost(false, STABLE_AFTER) < LONG_PAUSE);
    }
}
