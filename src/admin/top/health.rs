//! What may need attention.

use super::sample::Sample;
use serde::Serialize;

/// Totals since the processes began; none where no process reports one.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Health {
    /// Of a job that a worker has in hand.
    pub(super) oldest_job_seconds: Option<f64>,
    /// Of publishers and of lanes.
    pub(super) reconnects: Option<f64>,
    pub(super) dead: Option<f64>,
    /// Checks of the last audit that did not hold; none without an audit.
    pub(super) audit_broken: Option<f64>,
    /// For people, each a thing to mend.
    pub(super) troubles: Vec<String>,
}

impl Health {
    pub(super) fn of(now: &Sample) -> Self {
        let sum = |names: &[&str]| {
            names.iter().filter_map(|name| now.sum(name)).reduce(|sum, value| sum + value)
        };
        let audit_broken = now.max("redeemq_audit_broken");
        Self {
            oldest_job_seconds: now.max("redeemq_oldest_job_age_seconds"),
            reconnects: sum(&["redeemq_publisher_reconnects_total", "redeemq_sessions_lost_total"]),
            dead: sum(&["redeemq_dead_total"]),
            audit_broken,
            troubles: troubles(now, audit_broken),
        }
    }
}

fn troubles(now: &Sample, audit_broken: Option<f64>) -> Vec<String> {
    let is_on = |name: &str| now.max(name).is_some_and(|value| value > 0.0);
    let shut = now.values("redeemq_gates_open").filter(|open| *open == 0.0).count();
    let told = [
        (audit_broken.is_some_and(|broken| broken > 0.0))
            .then(|| "the ledger does not add up: stop the workers, run `redeemq audit`".to_owned()),
        is_on("redeemq_audit_failing")
            .then(|| "the audit fails: check the database".to_owned()),
        (shut > 0).then(|| format!("{shut} ingress cannot reach the broker: callers get 503")),
        is_on("redeemq_clients_snapshot_failing").then(|| {
            "tokens are checked against an old snapshot of the clients: check the database".to_owned()
        }),
        is_on("redeemq_routes_silent").then(|| {
            "results are not confirmed, a circuit is open: check that the queue has a leader; see the worker's log".to_owned()
        }),
    ];
    told.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::super::sample::tests::sample;
    use super::*;
    use std::time::Instant;

    fn health(page: &str) -> Health {
        Health::of(&sample(Instant::now(), 0, &[("e", page), ("f", "up 1\n")]))
    }

    #[test]
    fn reconnects_of_ingress_and_worker_are_added_up() {
        let health =
            health("redeemq_publisher_reconnects_total 2\nredeemq_sessions_lost_total 3\n");
        assert_eq!((health.reconnects, health.dead), (Some(5.0), None));
        assert_eq!(health.troubles, [""; 0]);
    }

    #[test]
    fn broken_books_and_a_shut_gate_are_told() {
        let page = "redeemq_audit_broken 1\nredeemq_gates_open 0\nredeemq_routes_silent 0\n";
        let troubles = health(page).troubles;
        assert!(troubles.len() == 2 && troubles[0].contains("redeemq audit"), "{troubles:?}");
        assert!(troubles[1].contains("503"), "{troubles:?}");
        assert_eq!(health("redeemq_audit_broken 0\nredeemq_gates_open 2\n").troubles, [""; 0]);
    }
}
