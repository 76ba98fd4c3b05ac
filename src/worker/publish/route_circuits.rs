//! Which routes are silent: the broker answers, but does not confirm what is published to them. That is
//! a queue without a leader, for one.

use crate::broker::publish::message::Route;
use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Most routes that are remembered. Beyond it all are forgotten, at the price of finding out anew.
const ROUTES_MAX: usize = 1_000;

/// What is known of them, for all sessions of a lane.
#[derive(Default)]
pub struct RouteCircuits {
    routes: Mutex<HashSet<Route>>,
    heard: AtomicU64,
}

impl RouteCircuits {
    /// Whether nothing to it shall be waited for.
    pub fn contains(&self, route: &Route) -> bool {
        self.routes().contains(route)
    }

    /// Something to it was not confirmed in time.
    pub fn suspect(&self, route: Route) {
        let mut routes = self.routes();
        if routes.len() >= ROUTES_MAX {
            routes.clear();
        }
        routes.insert(route);
        tell(&routes);
    }

    /// The broker said what became of something to it.
    pub fn speaks(&self, route: &Route) {
        let mut routes = self.routes();
        routes.remove(route);
        tell(&routes);
    }

    /// Something was confirmed, wherever it went: the broker itself is not what is slow.
    pub fn hear(&self) {
        self.heard.fetch_add(1, Ordering::Relaxed);
    }

    /// Changes when something is confirmed.
    pub fn heard(&self) -> u64 {
        self.heard.load(Ordering::Relaxed)
    }

    fn routes(&self) -> MutexGuard<'_, HashSet<Route>> {
        self.routes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn tell(routes: &HashSet<Route>) {
    metrics::gauge!("redeemq_routes_silent").set(routes.len() as f64);
}
