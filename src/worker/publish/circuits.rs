//! The circuits of one publisher by their routes, and the bound that they share.

use crate::broker::publish::message::Route;
use crate::worker::publish::circuit::{Action, Circuit, Held};
use std::collections::hash_map::{Entry, HashMap};
use tokio::time::Instant;

/// Those that are not closed.
pub(super) struct Circuits<M> {
    circuits: HashMap<Route, Circuit<M>>,
    /// Most messages that open ones hold.
    held_max: usize,
}

impl<M> Circuits<M> {
    pub(super) fn new(held_max: usize) -> Self {
        Self { circuits: HashMap::new(), held_max }
    }

    /// Whether any waits for [`judge`](Self::judge).
    pub(super) fn has_half_open(&self) -> bool {
        self.circuits.values().any(|circuit| !circuit.is_open())
    }

    /// Takes a message to a route that is not closed.
    pub(super) fn hold(&mut self, route: Route, message: M, now: Instant) -> Option<Action<M>> {
        let has_room = self.room() > 0;
        let held = Held::new(message, now);
        match self.circuits.entry(route) {
            Entry::Occupied(mut entry) => entry.get_mut().hold(held, has_room),
            Entry::Vacant(entry) => {
                entry.insert(Circuit::half_open(now));
                Some(Action::SendCanary(held))
            }
        }
    }

    /// Opens those whose canary is not confirmed while other routes are.
    pub(super) fn judge(&mut self, last_confirm: Option<Instant>, now: Instant) -> Vec<Action<M>> {
        let mut room = self.room();
        let mut actions = Vec::new();
        for (route, circuit) in &mut self.circuits {
            if circuit.has_failed(last_confirm, now) {
                tracing::warn!(exchange = route.0, routing_key = %route.1, "circuit opened: a queue on this route does not confirm results, while others do (does it have a leader?); they are held a while, then in the ledger only");
                actions.extend(circuit.open(room));
                room -= circuit.len();
            }
        }
        actions
    }

    /// The canary was not confirmed in time.
    pub(super) fn not_confirmed(
        &mut self,
        route: &Route,
        canary: Held<M>,
        now: Instant,
    ) -> Vec<Action<M>> {
        let Some(circuit) = self.circuits.get_mut(route) else { return Vec::new() };
        let actions = circuit.not_confirmed(canary, now);
        if !matches!(actions.last(), Some(Action::SendCanary(_))) {
            self.circuits.remove(route);
        }
        actions
    }

    /// The broker said what became of the canary; returns what is to be published as usual.
    pub(super) fn close(&mut self, route: &Route) -> Vec<M> {
        let Some(circuit) = self.circuits.remove(route) else { return Vec::new() };
        if circuit.is_open() {
            tracing::info!(exchange = route.0, routing_key = %route.1, "circuit closed: the route confirms results again");
        }
        circuit.close().collect()
    }

    fn room(&self) -> usize {
        let open = self.circuits.values().filter(|circuit| circuit.is_open());
        self.held_max.saturating_sub(open.map(Circuit::len).sum())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::short_string;
    use std::time::Duration;

    const TRIAL: Duration = Duration::from_secs(1);

    fn route(client: &str) -> Route {
        ("redeem.results", short_string(&format!("{client}.goods")))
    }

    /// Circuits of these clients, each with a canary and so many messages beside it.
    fn half_open(clients: &[&str], held: u32, now: Instant) -> Circuits<u32> {
        let mut circuits = Circuits::new(10);
        for client in clients {
            let canary = circuits.hold(route(client), 0, now);
            assert_eq!(canary, Some(Action::SendCanary(Held::new(0, now))));
            for message in 1..=held {
                assert_eq!(circuits.hold(route(client), message, now), None);
            }
        }
        circuits
    }

    #[test]
    fn routes_have_circuits_of_their_own() {
        let mut circuits = half_open(&["acme", "zeta"], 1, Instant::now());
        assert_eq!(circuits.close(&route("acme")), [1]);
        assert!(circuits.has_half_open(), "that of zeta");
        assert_eq!(circuits.close(&route("zeta")), [1]);
        assert!(!circuits.has_half_open());
        assert!(circuits.close(&route("zeta")).is_empty(), "closed already");
    }

    #[test]
    fn open_circuits_share_one_bound() {
        let begun = Instant::now();
        let mut circuits = half_open(&["acme", "zeta"], 8, begun);
        let confirm = begun + TRIAL;
        assert_eq!(circuits.judge(Some(confirm), confirm), []);
        let now = confirm + TRIAL;
        assert_eq!(circuits.judge(Some(confirm), now).len(), 6, "given up");
        assert!(!circuits.has_half_open());
        assert_eq!(circuits.hold(route("acme"), 9, now), Some(Action::GiveUp(9)));
        circuits.close(&route("zeta"));
        assert_eq!(circuits.hold(route("acme"), 9, now), None);
    }

    #[test]
    fn what_half_open_circuits_hold_takes_no_room_from_open_ones() {
        let begun = Instant::now();
        let mut circuits = half_open(&["acme"], 1, begun);
        let confirm = begun + TRIAL;
        circuits.judge(Some(confirm), confirm);
        circuits.judge(Some(confirm), confirm + TRIAL);
        for message in 0..20 {
            circuits.hold(route("zeta"), message, confirm + TRIAL);
        }
        assert_eq!(circuits.hold(route("acme"), 2, confirm + TRIAL), None);
    }

    #[test]
    fn a_circuit_that_holds_nothing_is_forgotten_with_its_canary() {
        let begun = Instant::now();
        let mut circuits = half_open(&["acme"], 0, begun);
        let canary = Held::new(0, begun);
        let again = circuits.not_confirmed(&route("acme"), canary, begun + TRIAL);
        assert_eq!(again, [Action::SendCanary(canary)]);
        assert!(circuits.has_half_open());
        let end = circuits.not_confirmed(&route("acme"), canary, begun + TRIAL * 30);
        assert_eq!(end, [Action::GiveUp(0)]);
        assert!(!circuits.has_half_open());
    }
}
