//! Pairs of api_key and api_secret that were right, so that they cost no hashing the next time.
//!
//! A pair is kept as a MAC under a key that dies with the process, next to the stored hash that it was
//! right for.

use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::Sha256;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

struct Verified {
    mac: Vec<u8>,
    stored_hash: String,
}

pub(in crate::ingress) struct CredentialCache {
    keyed: Hmac<Sha256>,
    /// By api_key; never more than there are clients.
    verified: Mutex<HashMap<String, Verified>>,
}

impl CredentialCache {
    pub(super) fn new() -> Self {
        #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
        let keyed = Hmac::new_from_slice(&rand::random::<[u8; 32]>()).expect("any length");
        Self { keyed, verified: Mutex::default() }
    }

    /// The stored hash that this very pair was right for; none if it was not, or never tried.
    pub(in crate::ingress) fn find(&self, api_key: &str, secret: &SecretString) -> Option<String> {
        let all = self.lock();
        let verified = all.get(api_key)?;
        self.over(api_key, secret).verify_slice(&verified.mac).ok()?;
        Some(verified.stored_hash.clone())
    }

    /// Remembers a pair that is right for this hash.
    pub(in crate::ingress) fn insert(&self, api_key: &str, secret: &SecretString, stored: String) {
        let mac = self.over(api_key, secret).finalize().into_bytes().to_vec();
        self.lock().insert(api_key.to_owned(), Verified { mac, stored_hash: stored });
    }

    pub(in crate::ingress) fn remove(&self, api_key: &str) {
        self.lock().remove(api_key);
    }

    fn over(&self, api_key: &str, secret: &SecretString) -> Hmac<Sha256> {
        // The length separates the two.
        let length = (api_key.len() as u64).to_be_bytes();
        let keyed = self.keyed.clone().chain_update(length).chain_update(api_key);
        keyed.chain_update(secret.expose_secret())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Verified>> {
        self.verified.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_is_found_for_one_stored_hash_until_it_is_removed() {
        let cache = CredentialCache::new();
        let secret = |text: &str| SecretString::from(text.to_owned());
        assert_eq!(cache.find("ab", &secret("c")), None);
        cache.insert("ab", &secret("c"), "hash".to_owned());
        assert_eq!(cache.find("ab", &secret("c")), Some("hash".to_owned()));
        assert_eq!(cache.find("ab", &secret("d")), None);
        assert_eq!(cache.find("a", &secret("bc")), None);
        cache.remove("ab");
        assert_eq!(cache.find("ab", &secret("c")), None);
    }
}
