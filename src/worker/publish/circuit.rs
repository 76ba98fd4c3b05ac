//! A circuit breaker: what is done with messages to a route that is not confirmed.
//!
//! A window that is not confirmed in time says that one of its routes does not confirm, but not which. So
//! the first message of each becomes a **canary**: it goes out on a channel of its own, and what follows
//! on that route is held.
//!
//! - **Half-open**: the canary is on its way. Nothing is given up early: the broker itself may be slow.
//! - **Open**: other routes are confirmed and the canary is not. Messages are held up to bounds in number
//!   and time, then given up. The canary is sent again until its time is up; then the next one is.
//! - **Closed**: the canary is confirmed. There is no circuit then; what was held is published as usual.
//!
//! A second, healthy queue that is bound to an open route gets the canaries only. It may miss what is
//! given up, which no queue gets and which stays fetchable.

use std::collections::VecDeque;
use std::time::Duration;
use tokio::time::Instant;

/// How long a message is held in all.
const HELD_FOR: Duration = Duration::from_secs(30);
/// How long other routes must have been confirmed before a canary that is not confirmed opens its circuit.
/// A queue that is merely full refuses sooner.
pub(super) const TRIAL: Duration = Duration::from_secs(1);
/// How long a canary waits for its confirm. The broker keeps the channel of one that it can't deliver for
/// a minute and allows 2,047 channels by default, so a few of each route may be left behind.
const CANARY_LIMIT: Duration = Duration::from_secs(15);
/// Most messages of an open route that are held.
const HELD_OF_ROUTE_MAX: usize = 100;

/// The circuit of one route, which is half-open or open. One canary is on its way.
pub(super) struct Circuit<M> {
    state: State,
    /// Beside the canary.
    held: VecDeque<Held<M>>,
}

enum State {
    /// Since when, and when another route was first seen confirmed after that.
    HalfOpen(Instant, Option<Instant>),
    Open,
}

/// A message and the time since when it is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Held<M> {
    pub(super) message: M,
    since: Instant,
}

/// What is to be done with a message.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Action<M> {
    /// Publish it on a channel of its own.
    SendCanary(Held<M>),
    /// Count it as unconfirmed.
    GiveUp(M),
}

impl<M> Circuit<M> {
    /// Whose canary is the first message.
    pub(super) fn half_open(now: Instant) -> Self {
        Self { state: State::HalfOpen(now, None), held: VecDeque::new() }
    }

    pub(super) fn is_open(&self) -> bool {
        matches!(self.state, State::Open)
    }

    /// How many messages it holds.
    pub(super) fn len(&self) -> usize {
        self.held.len()
    }

    /// Takes another message. An open circuit does while it has room, and others leave some.
    pub(super) fn hold(&mut self, held: Held<M>, has_room: bool) -> Option<Action<M>> {
        if self.is_open() && !(has_room && self.held.len() < HELD_OF_ROUTE_MAX) {
            return Some(Action::GiveUp(held.message));
        }
        self.held.push_back(held);
        None
    }

    /// Whether the canary had its time, and is still on its way, while the broker confirmed others.
    pub(super) fn has_failed(&mut self, last_confirm: Option<Instant>, now: Instant) -> bool {
        let State::HalfOpen(since, others_confirmed) = &mut self.state else { return false };
        let first = others_confirmed.or(last_confirm.filter(|confirm| confirm > since));
        *others_confirmed = first;
        first.is_some_and(|first| now.duration_since(first) >= TRIAL)
    }

    /// Opens it: gives up what is beyond its bound, and beyond the room that others leave.
    pub(super) fn open(&mut self, room: usize) -> Vec<Action<M>> {
        self.state = State::Open;
        let kept = self.held.len().min(room).min(HELD_OF_ROUTE_MAX);
        self.held.drain(kept..).map(|held| Action::GiveUp(held.message)).collect()
    }

    /// The canary was not confirmed: sends it again, or the next when its time is up. That action is the
    /// last, and is missing when nothing is held any more.
    pub(super) fn not_confirmed(&mut self, canary: Held<M>, now: Instant) -> Vec<Action<M>> {
        self.held.push_front(canary);
        let mut actions = Vec::new();
        while let Some(held) = self.held.pop_front() {
            if held.time_left(now) >= TRIAL {
                actions.push(Action::SendCanary(held));
                break;
            }
            actions.push(Action::GiveUp(held.message));
        }
        actions
    }

    /// Closes it: what it held is to be published as usual.
    pub(super) fn close(self) -> impl Iterator<Item = M> {
        self.held.into_iter().map(|held| held.message)
    }
}

impl<M> Held<M> {
    pub(super) fn new(message: M, since: Instant) -> Self {
        Self { message, since }
    }

    /// How long the canary waits for its confirm.
    pub(super) fn canary_limit(&self, now: Instant) -> Duration {
        self.time_left(now).min(CANARY_LIMIT)
    }

    fn time_left(&self, now: Instant) -> Duration {
        HELD_FOR.saturating_sub(now.duration_since(self.since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ops::Range;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// Half-open, with these messages beside its canary.
    fn half_open(held: Range<u32>, now: Instant) -> Circuit<u32> {
        let mut circuit = Circuit::half_open(now);
        for message in held {
            assert_eq!(circuit.hold(Held::new(message, now), false), None);
        }
        circuit
    }

    fn open(held: Range<u32>, now: Instant) -> Circuit<u32> {
        let mut circuit = half_open(held, now);
        assert_eq!(circuit.open(usize::MAX), []);
        circuit
    }

    #[test]
    fn a_half_open_circuit_holds_without_bounds() {
        let circuit = half_open(0..1_000, Instant::now());
        assert!(!circuit.is_open());
        assert_eq!(circuit.len(), 1_000);
    }

    #[test]
    fn a_circuit_that_closes_gives_all_that_it_held_back_in_order() {
        let now = Instant::now();
        assert_eq!(half_open(1..4, now).close().collect::<Vec<_>>(), [1, 2, 3]);
        assert_eq!(open(1..4, now).close().collect::<Vec<_>>(), [1, 2, 3]);
    }

    #[test]
    fn a_canary_fails_only_when_others_have_been_confirmed_for_the_time_of_a_trial() {
        let begun = Instant::now();
        let mut circuit = half_open(1..1, begun);
        assert!(!circuit.has_failed(None, begun + seconds(20)));
        assert!(!circuit.has_failed(Some(begun), begun + seconds(20)), "confirmed before");
        let others = begun + seconds(20);
        assert!(!circuit.has_failed(Some(others), others + seconds(1) / 2));
        let last = others + seconds(1);
        assert!(circuit.has_failed(Some(last), last), "the first confirm counts, not the last");
    }

    #[test]
    fn an_open_circuit_does_not_fail_again() {
        let now = Instant::now();
        let mut circuit = open(1..1, now);
        assert!(circuit.is_open());
        assert!(!circuit.has_failed(Some(now + seconds(1)), now + seconds(9)));
    }

    #[test]
    fn opening_gives_up_what_is_beyond_the_bounds() {
        let now = Instant::now();
        let mut circuit = half_open(1..103, now);
        assert_eq!(circuit.open(usize::MAX), [Action::GiveUp(101), Action::GiveUp(102)]);
        let mut circuit = half_open(1..4, now);
        assert_eq!(circuit.open(2), [Action::GiveUp(3)]);
        assert_eq!(circuit.len(), 2);
    }

    #[test]
    fn an_open_circuit_holds_messages_up_to_its_bound_and_while_others_leave_room() {
        let now = Instant::now();
        let mut circuit = open(1..100, now);
        let next = Held::new(100, now);
        assert_eq!(circuit.hold(next, false), Some(Action::GiveUp(100)));
        assert_eq!(circuit.hold(next, true), None);
        assert_eq!(circuit.hold(next, true), Some(Action::GiveUp(100)));
    }

    #[test]
    fn a_canary_that_is_not_confirmed_is_sent_again_until_its_time_is_up() {
        let begun = Instant::now();
        let mut circuit = open(1..1, begun);
        let (first, second) = (Held::new(1, begun), Held::new(2, begun + seconds(20)));
        assert_eq!(circuit.hold(second, true), None);
        let sent = |held| Action::SendCanary(held);
        assert_eq!(circuit.not_confirmed(first, begun + seconds(15)), [sent(first)]);
        assert_eq!(circuit.not_confirmed(first, begun + seconds(29)), [sent(first)]);
        let next = circuit.not_confirmed(first, begun + seconds(30));
        assert_eq!(next, [Action::GiveUp(1), sent(second)]);
        let last = circuit.not_confirmed(second, begun + seconds(50));
        assert_eq!(last, [Action::GiveUp(2)], "and no canary");
        assert!(circuit.is_open());
    }

    #[test]
    fn a_canary_that_is_not_confirmed_opens_nothing_by_itself() {
        let now = Instant::now();
        let mut circuit = half_open(1..1_000, now);
        let canary = Held::new(0, now);
        let again = circuit.not_confirmed(canary, now + seconds(15));
        assert_eq!(again, [Action::SendCanary(canary)]);
        assert!(!circuit.is_open());
        let given_up = circuit.not_confirmed(canary, now + seconds(30));
        assert_eq!(given_up, (0..1_000).map(Action::GiveUp).collect::<Vec<_>>());
    }

    #[test]
    fn a_canary_waits_no_longer_than_it_may_be_held() {
        let begun = Instant::now();
        let held = Held::new(0, begun);
        assert_eq!(held.canary_limit(begun), seconds(15));
        assert_eq!(held.canary_limit(begun + seconds(20)), seconds(10));
        assert_eq!(held.canary_limit(begun + seconds(40)), seconds(0));
    }
}
