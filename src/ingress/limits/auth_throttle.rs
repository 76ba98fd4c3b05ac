//! Bounds wrong pairs at `/Auth` before they are hashed.
//!
//! Every try is counted before it is judged, unless [`super::credential_cache`] knows the pair to be right:
//! nobody's wrong tries lock a right pair out.
//!
//! There is no count for an api_key over all networks. A secret of 256 bits can't be guessed by any number of
//! callers, and such a count would let anyone who knows a client's api_key keep the client out.

use super::rate::Limiter;
use crate::server::Network;
use governor::Quota;
use std::hash::{BuildHasher as _, RandomState};
use std::num::NonZeroU32;
use std::time::Duration;

/// A network may try this many times more than one api_key from there: many sites may share an address.
const NETWORK_FACTOR: NonZeroU32 = NonZeroU32::new(10).expect("not zero");

pub(in crate::ingress) struct AuthThrottle {
    by_pair: Option<Limiter<(u64, Network)>>,
    by_network: Option<Limiter<Network>>,
    /// Makes short keys that callers can't predict out of texts that they choose.
    short: RandomState,
}

impl AuthThrottle {
    /// At most so many tries a minute for one api_key from one network; any number if not given.
    pub(super) fn new(per_minute: Option<NonZeroU32>) -> Self {
        let quota = |per_minute| Quota::per_minute(per_minute);
        let many = per_minute.map(|number| number.saturating_mul(NETWORK_FACTOR));
        Self {
            by_pair: per_minute.map(|number| Limiter::new("auth", quota(number))),
            by_network: many.map(|number| Limiter::new("auth", quota(number))),
            short: RandomState::new(),
        }
    }

    /// Counts a try.
    ///
    /// # Errors
    /// When there were too many: how long until the next is allowed.
    pub(in crate::ingress) fn count(&self, api_key: &str, from: Network) -> Result<(), Duration> {
        // The pair first: a caller that is stopped there takes nothing from its neighbours.
        let pair = (self.short.hash_one(api_key), from);
        self.by_pair.as_ref().map_or(Ok(()), |limit| limit.check(&pair))?;
        self.by_network.as_ref().map_or(Ok(()), |limit| limit.check(&from))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tries_are_counted_by_key_and_network_and_more_widely_by_network() {
        let throttle = AuthThrottle::new(NonZeroU32::new(3));
        let network = |last: u8| Network::of([192, 0, 2, last].into());
        let tries = |key: &str, from, times: usize| {
            (0..times).filter(|_| throttle.count(key, from).is_ok()).count()
        };
        assert_eq!(tries("a", network(1), 9), 3);
        assert_eq!(tries("a", network(2), 9), 3, "from elsewhere");
        assert_eq!(tries("b", network(1), 9), 3, "another key");
        let others: usize = (0..20).map(|key| tries(&format!("k{key}"), network(1), 3)).sum();
        assert_eq!(others, 30 - 6, "of a network, ten times as many");
        assert_eq!(tries("a", network(3), 9), 3, "no number of networks locks a key");
    }
}
