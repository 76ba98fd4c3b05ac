//! Places that many take from: how many each of them holds, and how many are held in all.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Counts places by whoever holds them. Who holds none takes no memory.
pub(crate) struct Shares<K: Eq + Hash>(Mutex<Held<K>>);

struct Held<K> {
    all: usize,
    by_key: HashMap<K, usize>,
}

/// How many places are held before another one is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Taken {
    /// By whoever asks.
    pub(crate) own: usize,
    pub(crate) all: usize,
}

/// A place, until it is dropped.
pub(crate) struct Share<K: Clone + Eq + Hash> {
    shares: Arc<Shares<K>>,
    key: K,
}

impl<K: Clone + Eq + Hash> Shares<K> {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(Held { all: 0, by_key: HashMap::new() })))
    }

    /// A place for this key, if `judge` allows it.
    ///
    /// # Errors
    /// That of `judge`.
    pub(crate) fn take<E>(
        self: &Arc<Self>,
        key: K,
        judge: impl FnOnce(Taken) -> Result<(), E>,
    ) -> Result<Share<K>, E> {
        let mut held = self.held();
        let own = held.by_key.get(&key).copied().unwrap_or(0);
        judge(Taken { own, all: held.all })?;
        held.all += 1;
        held.by_key.insert(key.clone(), own + 1);
        Ok(Share { shares: Arc::clone(self), key })
    }

    fn held(&self) -> MutexGuard<'_, Held<K>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Clone + Eq + Hash> Drop for Share<K> {
    fn drop(&mut self) {
        let mut held = self.shares.held();
        held.all -= 1;
        if let Entry::Occupied(mut own) = held.by_key.entry(self.key.clone()) {
            *own.get_mut() -= 1;
            if *own.get() == 0 {
                own.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn whatever_is_taken_and_given_back_is_counted_and_nothing_else(
            steps in prop::collection::vec((0_u8..4, any::<bool>()), 0..100),
        ) {
            let shares = Shares::new();
            let mut held: Vec<(u8, Share<u8>)> = Vec::new();
            for (key, gives_back) in steps {
                if gives_back {
                    if let Some(at) = held.iter().position(|(of, _)| *of == key) {
                        held.swap_remove(at);
                    }
                    continue;
                }
                let own = held.iter().filter(|(of, _)| *of == key).count();
                let expected = Taken { own, all: held.len() };
                prop_assert!(shares.take(key, Err::<(), _>).is_err_and(|taken| taken == expected));
                let share = shares.take(key, |_| Ok::<(), ()>(())).ok();
                held.push((key, share.expect("allowed")));
            }
            held.clear();
            prop_assert!(shares.held().by_key.is_empty() && shares.held().all == 0);
        }
    }
}
