//! How a session begins: the rules, without the broker.

/// Most rounds of one delivery a queue, while they bring redeliveries.
const ROUNDS_OF_REDELIVERIES: u16 = 20;

/// How a session begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Start {
    /// With one delivery of each queue.
    Usual,
    /// With as many as fill a prefetch, one by one, so that each is charged alone for what it does. The
    /// client library gives up its connection over a delivery that it can't read; only the broker
    /// removes that one, when it is over the broker's own limit.
    OneByOne,
}

/// What a round of one delivery a queue has brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Round {
    /// All queues were empty.
    Empty,
    /// Only messages that were not delivered before.
    First,
    /// At least one that was.
    Redelivered,
}

/// The rounds with which a session of the common queues begins.
#[derive(Debug)]
pub(super) struct FirstRounds {
    start: Start,
    left: u16,
    has_met_redelivery: bool,
}

impl FirstRounds {
    pub(super) fn new(start: Start, prefetch: u16) -> Self {
        let left = match start {
            Start::Usual => 1,
            Start::OneByOne => prefetch,
        };
        Self { start, left, has_met_redelivery: false }
    }

    /// Whether there is no further round.
    pub(super) fn is_over(&self) -> bool {
        self.left == 0
    }

    /// One round was taken.
    pub(super) fn met(&mut self, round: Round) {
        if round == Round::Redelivered && !self.has_met_redelivery {
            self.has_met_redelivery = true;
            self.left = self.left.max(ROUNDS_OF_REDELIVERIES);
        }
        self.left = match round {
            Round::Empty => 0,
            Round::First if self.start == Start::Usual => 0,
            Round::First | Round::Redelivered => self.left.saturating_sub(1),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many of these rounds are taken.
    fn taken(start: Start, rounds: impl IntoIterator<Item = Round>) -> usize {
        let mut first_rounds = FirstRounds::new(start, 100);
        let mut taken = 0;
        for round in rounds {
            if first_rounds.is_over() {
                break;
            }
            first_rounds.met(round);
            taken += 1;
        }
        taken
    }

    fn always(round: Round) -> impl Iterator<Item = Round> {
        std::iter::repeat_n(round, 1_000)
    }

    #[test]
    fn a_usual_start_takes_one_delivery_of_each_queue() {
        assert_eq!(taken(Start::Usual, always(Round::First)), 1);
        assert_eq!(taken(Start::Usual, always(Round::Empty)), 1);
    }

    #[test]
    fn redeliveries_are_taken_in_rounds_until_others_come() {
        assert_eq!(taken(Start::Usual, always(Round::Redelivered)), 20);
        let two = [Round::Redelivered; 2].into_iter();
        assert_eq!(taken(Start::Usual, two.clone().chain(always(Round::First))), 3);
        assert_eq!(taken(Start::Usual, two.chain(always(Round::Empty))), 3);
    }

    #[test]
    fn a_start_one_by_one_takes_a_whole_prefetch_unless_the_queues_are_empty() {
        assert_eq!(taken(Start::OneByOne, always(Round::First)), 100);
        assert_eq!(taken(Start::OneByOne, always(Round::Redelivered)), 100);
        let three = [Round::First, Round::Redelivered, Round::First].into_iter();
        assert_eq!(taken(Start::OneByOne, three.chain(always(Round::Empty))), 4);
        let late = std::iter::repeat_n(Round::First, 95).chain(always(Round::Redelivered));
        assert_eq!(taken(Start::OneByOne, late), 115, "the first redelivery brings more rounds");
    }

    #[test]
    fn a_round_is_what_the_worst_of_its_queues_brought() {
        assert_eq!(Round::Empty.max(Round::First), Round::First);
        assert_eq!(Round::Redelivered.max(Round::First), Round::Redelivered);
    }
}
