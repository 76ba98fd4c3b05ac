//! How many requests may wait for a decision at a time.
//!
//! A client may have another request wait while it has fewer waiting than there are places left. So a client alone
//! gets half of the places, clients that all want more get the same number each, and one place at least is left for
//! whoever comes next.

use crate::domain::id::ClientId;
use crate::shares::{Share, Shares, Taken};
use std::sync::Arc;

/// One in so many connections may wait, so that waits never take all of them.
const OF_CONNECTIONS: usize = 2;

pub(in crate::ingress) struct Waits {
    places: usize,
    shares: Arc<Shares<ClientId>>,
}

/// The place of a request that waits.
pub(in crate::ingress) type Place = Share<ClientId>;

impl Waits {
    pub(in crate::ingress) fn among(connections: usize) -> Self {
        Self { places: connections.div_ceil(OF_CONNECTIONS), shares: Shares::new() }
    }

    /// None where this client's request is answered at once, as if its wait were over.
    pub(in crate::ingress) fn take(&self, client: &ClientId) -> Option<Place> {
        let place = self.shares.take(client.clone(), |Taken { own, all }| {
            let left = self.places.saturating_sub(all);
            match left {
                0 => Err("full"),
                left if own < left => Ok(()),
                _ => Err("client"),
            }
        });
        let refused = |why| {
            metrics::counter!("redeemq_waits_refused_total", "why" => why).increment(1);
        };
        place.map_err(refused).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn client(number: usize) -> ClientId {
        ClientId::parse(&format!("client-{number}")).expect("an id")
    }

    /// As many as each of so many clients gets while all of them want more, one after the other.
    fn greedy(waits: &Waits, clients: usize) -> (Vec<usize>, Vec<Place>) {
        let (mut got, mut held) = (vec![0; clients], Vec::new());
        loop {
            let before = held.len();
            for (number, got) in got.iter_mut().enumerate() {
                let place = waits.take(&client(number));
                *got += usize::from(place.is_some());
                held.extend(place);
            }
            if held.len() == before {
                return (got, held);
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn clients_that_want_all_get_the_same_and_leave_something(
            connections in 2_usize..2_000, clients in 1_usize..20,
        ) {
            let waits = Waits::among(connections);
            let (got, held) = greedy(&waits, clients);
            let (least, most) = (got.iter().min(), got.iter().max());
            prop_assert!(most.zip(least).is_some_and(|(most, least)| most - least <= 1), "{got:?}");
            prop_assert!(held.len() <= waits.places);
            if waits.places > clients {
                prop_assert!(waits.take(&client(clients)).is_some(), "a newcomer waits: {got:?}");
                prop_assert!(held.len() >= waits.places * clients / (clients + 1), "{got:?}");
            }
        }
    }

    #[test]
    fn one_client_gets_half_and_more_when_a_place_is_given_back() {
        let waits = Waits::among(800);
        let (got, mut held) = greedy(&waits, 1);
        assert_eq!(got, [200]);
        held.pop();
        assert!(waits.take(&client(0)).is_some());
        assert!(Waits::among(1).take(&client(0)).is_some(), "the only one");
    }
}
