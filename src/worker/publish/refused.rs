//! Results that a reader's full queue refused: held for a while and tried again, within bounds.

use crate::broker::publish::message::Route;
use crate::worker::publish::window::QueuedResult;
use std::collections::HashMap;
use std::time::Duration;

/// The pause between two tries.
pub(super) const RETRY_EVERY: Duration = Duration::from_millis(250);
/// Most tries: for 5 s. Tries are counted, not time, for a broker that is blocked answers none, and one
/// that is away begins the session anew.
const RETRIES_MAX: u32 = 20;
/// Most results of one route that are held: held deliveries fill the prefetch, and a flood for one full
/// queue shall not stop the others.
const HELD_OF_ROUTE_MAX: usize = 100;

/// Those that wait for their next try.
pub(super) struct RefusedResults {
    held: Vec<QueuedResult>,
    of_route: HashMap<Route, usize>,
    held_max: usize,
}

impl RefusedResults {
    pub(super) fn new(held_max: usize) -> Self {
        Self { held: Vec::new(), of_route: HashMap::new(), held_max }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// Holds it for another try, or gives it back when it is to be tried no more. Dead letters are always
    /// held.
    pub(super) fn hold(&mut self, mut refused: QueuedResult) -> Option<QueuedResult> {
        let route = refused.route();
        let is_within_bounds = refused.refusals < RETRIES_MAX
            && self.held.len() < self.held_max
            && self.of_route.get(&route).is_none_or(|held| *held < HELD_OF_ROUTE_MAX);
        if !is_within_bounds && !refused.result.must_arrive() {
            return Some(refused);
        }
        *self.of_route.entry(route).or_default() += 1;
        refused.refusals += 1;
        self.held.push(refused);
        None
    }

    /// All that are held, for their next try.
    pub(super) fn take(&mut self) -> Vec<QueuedResult> {
        self.of_route.clear();
        std::mem::take(&mut self.held)
    }

    /// Holds dead letters only from now on: the session is to end.
    pub(super) fn drain(&mut self) {
        self.held_max = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::worker::publish::fixtures::queued;
    use crate::worker::publish::pending_result::Kind;

    fn result(routing_key: &str, is_dead: bool) -> QueuedResult {
        queued(
            1,
            if is_dead { Kind::DeadLetter(Some("poison")) } else { Kind::Replayed },
            routing_key,
        )
    }

    fn is_held(refused: &mut RefusedResults, result: QueuedResult) -> bool {
        refused.hold(result).is_none()
    }

    #[test]
    fn a_refused_result_is_tried_so_often_and_then_given_back() {
        let mut refused = RefusedResults::new(10);
        assert!(is_held(&mut refused, result("acme.goods", false)));
        for _ in 1..RETRIES_MAX {
            let again = refused.take().remove(0);
            assert!(refused.is_empty());
            assert!(is_held(&mut refused, again));
        }
        let last = refused.take().remove(0);
        assert_eq!(last.refusals, RETRIES_MAX);
        assert!(!is_held(&mut refused, last));
    }

    #[test]
    fn a_flood_for_one_route_leaves_the_others_their_tries() {
        let mut refused = RefusedResults::new(1_000);
        for _ in 0..HELD_OF_ROUTE_MAX {
            assert!(is_held(&mut refused, result("acme.goods", false)));
        }
        assert!(!is_held(&mut refused, result("acme.goods", false)));
        assert!(is_held(&mut refused, result("zeta.goods", false)));
        refused.take();
        assert!(is_held(&mut refused, result("acme.goods", false)));
    }

    #[test]
    fn no_more_are_held_than_the_bound_of_all_routes() {
        let mut refused = RefusedResults::new(1);
        assert!(is_held(&mut refused, result("acme.goods", false)));
        assert!(!is_held(&mut refused, result("zeta.goods", false)));
    }

    #[test]
    fn a_session_that_is_to_end_holds_no_more_results() {
        let mut refused = RefusedResults::new(10);
        refused.drain();
        assert!(!is_held(&mut refused, result("acme.goods", false)));
    }

    #[test]
    fn a_dead_letter_is_held_beyond_every_bound() {
        let mut refused = RefusedResults::new(0);
        let mut dead = result("dead", true);
        dead.refusals = RETRIES_MAX;
        assert!(is_held(&mut refused, dead));
        for _ in 0..HELD_OF_ROUTE_MAX {
            assert!(is_held(&mut refused, result("dead", true)));
        }
        refused.drain();
        assert!(is_held(&mut refused, result("dead", true)));
    }
}
