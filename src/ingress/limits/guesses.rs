//! Wrong pairs at `/Auth`: bounded before the work of hashing them is done.
//!
//! A pair that was right before is remembered, as a MAC under a key that dies with the process, next to
//! the stored hash that it was right for. It costs no hashing and is never counted, so nobody's guesses
//! can lock it out. Every other try is counted before it is judged: a wrong one, and the first right one.
//!
//! There is no count for an api_key over all networks. A secret of 256 bits can't be guessed by however
//! many, and such a count would let anyone who knows a client's api_key keep the client out.

use super::network::Network;
use super::rate::Limiter;
use governor::Quota;
use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::Sha256;
use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::num::NonZeroU32;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A network may try so many times more than one api_key from there: many sites may share an address.
const NETWORK_FACTOR: NonZeroU32 = NonZeroU32::new(10).expect("not zero");

struct Proven {
    mac: Vec<u8>,
    stored_hash: String,
}

/// What was tried, and what was right.
pub struct Guesses {
    by_pair: Option<Limiter<(u64, Network)>>,
    by_network: Option<Limiter<Network>>,
    /// Keys of a length of our choice, unpredictable, for texts of the callers'.
    short: RandomState,
    keyed: Hmac<Sha256>,
    /// By api_key; never more than there are clients.
    proven: Mutex<HashMap<String, Proven>>,
}

impl Guesses {
    /// At most so many a minute for one api_key from one network; any number if not given.
    pub fn new(per_minute: Option<NonZeroU32>) -> Self {
        let quota = |per_minute| Quota::per_minute(per_minute);
        let many = per_minute.map(|number| number.saturating_mul(NETWORK_FACTOR));
        #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
        let keyed = Hmac::new_from_slice(&rand::random::<[u8; 32]>()).expect("any length");
        Self {
            by_pair: per_minute.map(|number| Limiter::new("auth", quota(number))),
            by_network: many.map(|number| Limiter::new("auth", quota(number))),
            short: RandomState::new(),
            keyed,
            proven: Mutex::default(),
        }
    }

    /// Counts a try.
    ///
    /// # Errors
    /// When there were too many: after which time there may be another.
    pub fn count(&self, api_key: &str, from: Network) -> Result<(), Duration> {
        // The pair first: who is stopped there takes nothing from his neighbours behind one address.
        let pair = (self.short.hash_one(api_key), from);
        self.by_pair.as_ref().map_or(Ok(()), |limit| limit.check(&pair))?;
        self.by_network.as_ref().map_or(Ok(()), |limit| limit.check(&from))
    }

    /// The stored hash that this very pair was right for; none if it was not, or never tried.
    pub fn proven(&self, api_key: &str, secret: &SecretString) -> Option<String> {
        let proven = self.all_proven();
        let proven = proven.get(api_key)?;
        self.over(api_key, secret).verify_slice(&proven.mac).ok()?;
        Some(proven.stored_hash.clone())
    }

    /// Remembers a pair that is right.
    pub fn prove(&self, api_key: &str, secret: &SecretString, stored_hash: String) {
        let mac = self.over(api_key, secret).finalize().into_bytes().to_vec();
        self.all_proven().insert(api_key.to_owned(), Proven { mac, stored_hash });
    }

    /// The pair that was right is so no more.
    pub fn disprove(&self, api_key: &str) {
        self.all_proven().remove(api_key);
    }

    fn over(&self, api_key: &str, secret: &SecretString) -> Hmac<Sha256> {
        // The length keeps the two from running into one another.
        let length = (api_key.len() as u64).to_be_bytes();
        let keyed = self.keyed.clone().chain_update(length).chain_update(api_key);
        keyed.chain_update(secret.expose_secret())
    }

    fn all_proven(&self) -> MutexGuard<'_, HashMap<String, Proven>> {
        self.proven.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guesses(per_minute: u32) -> Guesses {
        Guesses::new(NonZeroU32::new(per_minute))
    }

    fn network(last: u8) -> Network {
        Network::of([192, 0, 2, last].into())
    }

    #[test]
    fn tries_are_counted_by_key_and_network_and_more_widely_by_network() {
        let guesses = guesses(3);
        let tries = |key: &str, from, times: usize| {
            (0..times).filter(|_| guesses.count(key, from).is_ok()).count()
        };
        assert_eq!(tries("a", network(1), 9), 3);
        assert_eq!(tries("a", network(2), 9), 3, "from elsewhere");
        assert_eq!(tries("b", network(1), 9), 3, "another key");
        let others: usize = (0..20).map(|key| tries(&format!("k{key}"), network(1), 3)).sum();
        assert_eq!(others, 30 - 6, "of a network, ten times as many");
        assert_eq!(tries("a", network(3), 9), 3, "no number of networks locks a key");
    }

    #[test]
    fn a_pair_is_proven_for_one_stored_hash_until_disproven() {
        let guesses = guesses(3);
        let secret = |text: &str| SecretString::from(text.to_owned());
        assert_eq!(guesses.proven("ab", &secret("c")), None);
        guesses.prove("ab", &secret("c"), "hash".to_owned());
        assert_eq!(guesses.proven("ab", &secret("c")), Some("hash".to_owned()));
        assert_eq!(guesses.proven("ab", &secret("d")), None);
        assert_eq!(guesses.proven("a", &secret("bc")), None);
        guesses.disprove("ab");
        assert_eq!(guesses.proven("ab", &secret("c")), None);
    }
}
