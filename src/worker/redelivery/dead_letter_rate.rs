//! How many poisonous jobs a lane dead-letters in a minute. More of them are rather a fault of the
//! deployment that looks like theirs: they are retried until it is mended.

use std::collections::VecDeque;
use std::time::Duration;
use tokio::time::Instant;

/// Most poisonous jobs within [`PERIOD`].
pub(super) const POISON_MAX: usize = 10;
const PERIOD: Duration = Duration::from_secs(60);

/// What the rate allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Allowance {
    /// One more may be dead-lettered.
    Allowed,
    /// It has to wait, and so do all after it; an alarm is raised once a period.
    LimitReached { raises_alarm: bool },
}

/// The poisonous jobs of late.
#[derive(Debug, Default)]
pub(super) struct DeadLetterRate {
    /// When they were dead-lettered, the first of them first.
    dead_lettered: VecDeque<Instant>,
    alarmed_at: Option<Instant>,
}

impl DeadLetterRate {
    /// Whether one more may be dead-lettered.
    pub(super) fn ask(&mut self, now: Instant) -> Allowance {
        while self.dead_lettered.front().is_some_and(|at| now.duration_since(*at) > PERIOD) {
            self.dead_lettered.pop_front();
        }
        if self.dead_lettered.len() < POISON_MAX {
            return Allowance::Allowed;
        }
        let raises_alarm = self.alarmed_at.is_none_or(|at| now.duration_since(at) > PERIOD);
        if raises_alarm {
            self.alarmed_at = Some(now);
        }
        Allowance::LimitReached { raises_alarm }
    }

    /// One was dead-lettered.
    pub(super) fn add(&mut self, now: Instant) {
        self.dead_lettered.push_back(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const ALARM: Allowance = Allowance::LimitReached { raises_alarm: true };
    const SILENCE: Allowance = Allowance::LimitReached { raises_alarm: false };

    /// One each second, the first ten of a minute.
    fn exhausted(begun: Instant) -> DeadLetterRate {
        let mut rate = DeadLetterRate::default();
        for second in 0..10 {
            let now = begun + second * SECOND;
            assert_eq!(rate.ask(now), Allowance::Allowed);
            rate.add(now);
        }
        rate
    }

    #[test]
    fn ten_are_allowed_and_only_those_that_died_count() {
        let begun = Instant::now();
        let mut rate = DeadLetterRate::default();
        for _ in 0..100 {
            assert_eq!(rate.ask(begun), Allowance::Allowed, "none of them died");
        }
        assert_eq!(exhausted(begun).ask(begun + 10 * SECOND), ALARM);
    }

    #[test]
    fn the_alarm_is_raised_once_a_minute() {
        let begun = Instant::now();
        let mut rate = exhausted(begun);
        assert_eq!(rate.ask(begun + 10 * SECOND), ALARM);
        assert_eq!(rate.ask(begun + 11 * SECOND), SILENCE);
        for _ in 0..10 {
            rate.add(begun + 69 * SECOND);
        }
        assert_eq!(rate.ask(begun + 70 * SECOND), SILENCE);
        assert_eq!(rate.ask(begun + 71 * SECOND), ALARM);
    }

    #[test]
    fn each_makes_room_for_another_a_minute_later() {
        let begun = Instant::now();
        let mut rate = exhausted(begun);
        assert_eq!(rate.ask(begun + 60 * SECOND), ALARM);
        assert_eq!(rate.ask(begun + 61 * SECOND), Allowance::Allowed, "the first has aged out");
        rate.add(begun + 61 * SECOND);
        assert_eq!(rate.ask(begun + 61 * SECOND), SILENCE);
        assert_eq!(rate.ask(begun + 62 * SECOND), Allowance::Allowed);
    }
}
