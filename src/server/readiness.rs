//! Whether a process takes requests.

use std::sync::{Arc, OnceLock};

type Check = Box<dyn Fn() -> bool + Send + Sync>;

/// A process that never takes any is ready as soon as it lives.
#[derive(Clone)]
pub struct Readiness(Option<Arc<OnceLock<Check>>>);

impl Readiness {
    /// Of a process that may have an ingress, which says later how it is known.
    pub fn of(ingress: bool) -> Self {
        Self(ingress.then(Arc::default))
    }

    /// How it is known from now on.
    pub(crate) fn known_by(&self, check: impl Fn() -> bool + Send + Sync + 'static) {
        if let Some(known) = &self.0 {
            let _ = known.set(Box::new(check));
        }
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.0.as_ref().is_none_or(|known| known.get().is_some_and(|check| check()))
    }
}
