//! The one place that says how long to wait before trying again.

use backoff::ExponentialBackoff;
use backoff::backoff::Backoff as _;
use std::time::Duration;

/// Longest pause: a process shall be back within 2 s of the return of its database or broker.
const PAUSE_MAX: Duration = Duration::from_secs(1);
const PAUSE_FIRST: Duration = Duration::from_millis(50);

/// Pauses that double up to one second, with jitter, so that many workers don't come back in step.
/// They never give up: an outage has no length at which losing jobs becomes right.
#[derive(Debug)]
pub struct Pauses(ExponentialBackoff);

impl Pauses {
    /// The first pause is the shortest.
    pub fn new() -> Self {
        Self::up_to(PAUSE_MAX)
    }

    /// Pauses that double up to another length, for what nobody waits for within seconds.
    pub fn up_to(longest: Duration) -> Self {
        Self(ExponentialBackoff {
            initial_interval: PAUSE_FIRST,
            current_interval: PAUSE_FIRST,
            multiplier: 2.0,
            // Half of the interval at most: the cap holds for the longest draw.
            randomization_factor: 0.5,
            max_interval: longest.mul_f64(1.0 / 1.5),
            max_elapsed_time: None,
            ..ExponentialBackoff::default()
        })
    }

    /// The next pause.
    pub fn draw(&mut self) -> Duration {
        self.0.next_backoff().expect("without a max_elapsed_time there is always a next pause")
    }

    /// After a success: the next pause is the shortest again.
    pub fn reset(&mut self) {
        self.0.reset();
    }
}

impl Default for Pauses {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_their_longest_and_never_end() {
        for (mut pauses, longest) in
            [(Pauses::new(), PAUSE_MAX), (Pauses::up_to(PAUSE_MAX * 10), PAUSE_MAX * 10)]
        {
            let drawn: Vec<Duration> = (0..500).map(|_| pauses.draw()).collect();
            assert!(drawn.iter().all(|pause| *pause <= longest && !pause.is_zero()));
            assert!(drawn[400..].iter().any(|pause| *pause > longest / 2));
            pauses.reset();
            assert!(pauses.draw() <= PAUSE_FIRST * 2);
        }
    }
}
