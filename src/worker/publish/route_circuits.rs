//! Which routes have a circuit that is not closed, for all sessions and lanes of a worker: what one of
//! them has found out, the others need not.

use crate::broker::publish::message::Route;
use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::time::Instant;

/// Most routes that are remembered. Beyond it all are forgotten, at the price of finding out anew.
const ROUTES_MAX: usize = 1_000;

/// The routes that are not closed, and the last confirm of any.
#[derive(Default)]
pub struct RouteCircuits(Mutex<Known>);

#[derive(Default)]
struct Known {
    not_closed: HashSet<Route>,
    last_confirm: Option<Instant>,
}

impl RouteCircuits {
    /// Whether messages to it are published as usual.
    pub(super) fn is_closed(&self, route: &Route) -> bool {
        !self.known().not_closed.contains(route)
    }

    /// Something to it was not confirmed in time.
    pub(super) fn open(&self, route: Route) {
        let mut known = self.known();
        if known.not_closed.len() >= ROUTES_MAX && !known.not_closed.contains(&route) {
            known.not_closed.clear();
        }
        known.not_closed.insert(route);
        known.measure();
    }

    /// The broker said what became of something to it.
    pub(super) fn close(&self, route: &Route) {
        let mut known = self.known();
        known.not_closed.remove(route);
        known.measure();
    }

    /// Something was confirmed, wherever it went: the broker itself is not what is slow.
    pub(super) fn confirmed(&self, now: Instant) {
        self.known().last_confirm = Some(now);
    }

    pub(super) fn last_confirm(&self) -> Option<Instant> {
        self.known().last_confirm
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn measure(&self) {
        metrics::gauge!("redeemq_routes_silent").set(self.not_closed.len() as f64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::short_string;

    fn route(number: usize) -> Route {
        ("", short_string(&format!("redeem.reply.{number}")))
    }

    #[test]
    fn a_route_is_closed_until_it_is_opened_and_when_it_is_closed_again() {
        let circuits = RouteCircuits::default();
        assert!(circuits.is_closed(&route(1)));
        circuits.open(route(1));
        assert!(!circuits.is_closed(&route(1)));
        assert!(circuits.is_closed(&route(2)));
        circuits.close(&route(1));
        assert!(circuits.is_closed(&route(1)));
    }

    #[test]
    fn no_more_routes_are_remembered_than_the_bound() {
        let circuits = RouteCircuits::default();
        (0..ROUTES_MAX).for_each(|number| circuits.open(route(number)));
        circuits.open(route(0));
        assert!(!circuits.is_closed(&route(1)), "nothing new: nothing is forgotten");
        circuits.open(route(ROUTES_MAX));
        assert!(circuits.is_closed(&route(1)));
        assert!(!circuits.is_closed(&route(ROUTES_MAX)));
    }

    #[test]
    fn the_last_confirm_is_that_of_any_route() {
        let circuits = RouteCircuits::default();
        assert_eq!(circuits.last_confirm(), None);
        let now = Instant::now();
        circuits.confirmed(now);
        assert_eq!(circuits.last_confirm(), Some(now));
    }
}
