//! What is measured at each scrape: the state of pools, the age of the oldest job, the process. Between
//! scrapes it costs nothing.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

type Measure = Box<dyn Fn() + Send>;

/// The measurements of a process.
#[derive(Clone, Default)]
pub struct Gauges(Arc<Mutex<Vec<Measure>>>);

impl Gauges {
    /// Runs this before each scrape. It must be quick and must not wait.
    pub fn add(&self, measure: impl Fn() + Send + 'static) {
        self.all().push(Box::new(measure));
    }

    pub fn measure(&self) {
        self.all().iter().for_each(|measure| measure());
    }

    fn all(&self) -> MutexGuard<'_, Vec<Measure>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The use of a pool of connections.
pub fn pooled(pool: &'static str, used: f64, idle: f64, max: f64) {
    for (state, connections) in [("used", used), ("idle", idle)] {
        metrics::gauge!("redeemq_pool_connections", "pool" => pool, "state" => state)
            .set(connections);
    }
    metrics::gauge!("redeemq_pool_connections_max", "pool" => pool).set(max);
}
