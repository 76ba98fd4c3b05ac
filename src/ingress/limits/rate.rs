//! Requests a second, and a burst.

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use std::fmt;
use std::hash::Hash;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// After this many checks, keys with their full quota are dropped.
const SWEEP_EVERY: usize = 4_096;

/// Requests a second, and how many may come at once after a pause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rate {
    per_second: NonZeroU32,
    burst: NonZeroU32,
}

/// A text that is no rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("write it as requests a second, as 200, or with a burst, as 200:1000")]
pub(crate) struct NoRate;

impl Rate {
    pub(super) fn quota(self) -> Quota {
        Quota::per_second(self.per_second).allow_burst(self.burst)
    }
}

impl FromStr for Rate {
    type Err = NoRate;

    /// `200`, or `200:1000`. Without a burst, one second's requests may come at once.
    fn from_str(text: &str) -> Result<Self, NoRate> {
        let number = |text: &str| text.trim().parse().map_err(|_| NoRate);
        match text.split_once(':') {
            Some((per_second, burst)) => {
                Ok(Self { per_second: number(per_second)?, burst: number(burst)? })
            }
            None => number(text).map(|rate| Self { per_second: rate, burst: rate }),
        }
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.per_second, self.burst)
    }
}

/// A quota for each key.
pub(super) struct Limiter<K: Hash + Eq + Clone> {
    name: &'static str,
    keys: DefaultKeyedRateLimiter<K>,
    checks: AtomicUsize,
    clock: DefaultClock,
}

impl<K: Hash + Eq + Clone> Limiter<K> {
    /// The name is for metrics.
    pub(super) fn new(name: &'static str, quota: Quota) -> Self {
        let clock = DefaultClock::default();
        Self { name, keys: RateLimiter::keyed(quota), checks: AtomicUsize::new(0), clock }
    }

    /// Counts one request of this key.
    ///
    /// # Errors
    /// When it is over the quota: how long until the next is allowed.
    pub(super) fn check(&self, key: &K) -> Result<(), Duration> {
        // Callers choose the keys. A sweep after every so many checks bounds how many are held: those below
        // their full quota, and as many as came since the last sweep.
        if self.checks.fetch_add(1, Ordering::Relaxed) % SWEEP_EVERY == SWEEP_EVERY - 1 {
            self.keys.retain_recent();
            self.keys.shrink_to_fit();
        }
        self.keys.check_key(key).map_err(|until| {
            metrics::counter!("redeemq_limited_total", "limit" => self.name).increment(1);
            until.wait_time_from(self.clock.now())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_a_number_a_second_with_or_without_a_burst() {
        let read = |text: &str| text.parse::<Rate>().map(|rate| rate.to_string());
        assert_eq!(read("200"), Ok("200:200".to_owned()));
        assert_eq!(read("200:1000"), Ok("200:1000".to_owned()));
        for bad in ["", "0", "200:0", "-1", "1.5", "200:", "many", "1:2:3"] {
            assert_eq!(read(bad), Err(NoRate), "{bad}");
        }
    }

    #[test]
    fn each_key_has_its_own_share_and_is_told_when_there_is_more() {
        let limiter = Limiter::new("test", Quota::per_minute(NonZeroU32::MIN));
        assert_eq!((limiter.check(&1), limiter.check(&2)), (Ok(()), Ok(())));
        let wait = limiter.check(&1).expect_err("nothing is left");
        assert!(wait > Duration::from_secs(50) && wait <= Duration::from_secs(60), "{wait:?}");
    }

    #[test]
    fn keys_that_are_as_good_as_new_take_no_memory() {
        let often = NonZeroU32::new(1_000_000).expect("not zero");
        let limiter = Limiter::new("test", Quota::per_second(often));
        for key in 0..100_000 {
            limiter.check(&key).expect("its first");
        }
        let held = limiter.keys.len();
        assert!(held <= 2 * SWEEP_EVERY, "{held} keys are held");
    }
}
