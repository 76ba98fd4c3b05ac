//! How many connections there may be at a time, in all and from one network.

use super::network::Network;
use crate::shares::{Share, Shares, Taken};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// Connections beyond the bounds that get a response at a time; further ones are just closed.
const TURNED_AWAY_MAX: usize = 64;
/// One in so many of them may come from one network.
const TURNED_AWAY_SHARE: usize = 4;

#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    pub name: &'static str,
    pub connections_max: usize,
    /// From one network; any number if not given.
    pub address_max: Option<usize>,
    /// How long one may be without a whole request, once it has sent the first.
    pub idle_max: Duration,
}

/// Which bound a connection met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Full {
    All,
    Address,
}

impl Full {
    pub(super) const ALL: [Self; 2] = [Self::All, Self::Address];

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Full::All => "full",
            Full::Address => "address",
        }
    }
}

/// The places of connections.
pub(super) struct Places {
    max: usize,
    address_max: Option<usize>,
    shares: Arc<Shares<Network>>,
}

impl Places {
    pub(super) fn of(bounds: &Bounds) -> Self {
        let Bounds { connections_max, address_max, .. } = *bounds;
        Self { max: connections_max, address_max, shares: Shares::new() }
    }

    /// For connections that have none of those.
    pub(super) fn turned_away(bounds: &Bounds) -> Self {
        let address_max = bounds.address_max.map(|_| TURNED_AWAY_MAX / TURNED_AWAY_SHARE);
        Self { max: TURNED_AWAY_MAX, address_max, shares: Shares::new() }
    }

    pub(super) fn take(&self, from: IpAddr) -> Result<Share<Network>, Full> {
        self.shares.take(Network::of(from), |Taken { own, all }| {
            if all >= self.max {
                Err(Full::All)
            } else if self.address_max.is_some_and(|max| own >= max) {
                Err(Full::Address)
            } else {
                Ok(())
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(connections_max: usize, address_max: Option<usize>) -> Places {
        Places::of(&Bounds { name: "test", connections_max, address_max, idle_max: Duration::MAX })
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().expect(text)
    }

    #[test]
    fn one_network_meets_its_own_bound_and_all_meet_that_of_all() {
        let places = places(5, Some(2));
        let mut held = Vec::new();
        for (from, expected) in [
            ("192.0.2.1", None),
            ("::ffff:192.0.2.1", None),
            ("192.0.2.1", Some(Full::Address)),
            ("2001:db8::1", None),
            ("2001:db8::2", None),
            ("2001:db8::ffff:3", Some(Full::Address)),
            ("192.0.2.2", None),
            ("192.0.2.3", Some(Full::All)),
            ("192.0.2.1", Some(Full::All)),
        ] {
            let taken = places.take(ip(from));
            assert_eq!(taken.as_ref().err(), expected.as_ref(), "{from}");
            held.extend(taken);
        }
        held.remove(0);
        assert!(places.take(ip("192.0.2.1")).is_ok(), "one is free again");
    }

    #[test]
    fn without_a_bound_one_network_may_have_all() {
        let places = places(5, None);
        let held: Vec<_> = (0..5).map(|_| places.take(ip("192.0.2.1"))).collect();
        assert!(held.iter().all(Result::is_ok));
        assert_eq!(places.take(ip("192.0.2.1")).err(), Some(Full::All));
    }
}
