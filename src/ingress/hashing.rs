//! Verifies api_secrets against Argon2id hashes. That is slow on purpose, so few run at a time.
//!
//! Their memory is used again and never freed: glibc keeps freed pieces of this size, for each thread its own, and a
//! hundred wrong pairs would make an ingress grow by 600 MiB.

use super::response::Rejection;
use crate::domain::code::Code;
use argon2::password_hash::phc::{Output, PasswordHash};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use secrecy::{ExposeSecret as _, SecretString};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Semaphore, oneshot};

/// Hashes at a time: each takes 19 MiB and some ten milliseconds of a core, and anyone can ask for one.
static HASHING: Semaphore = Semaphore::const_new(4);
/// Memory that no hash uses at the moment. With that in use it is never more than [`HASHING`] has permits.
static FREE: Mutex<Vec<Vec<Block>>> = Mutex::new(Vec::new());
/// How long a caller waits for a permit.
const HASHING_WAIT: Duration = Duration::from_secs(1);
/// The hash of no secret, which costs as much as a client's.
static DECOY: LazyLock<String> = LazyLock::new(|| {
    let params = Params::default();
    let (memory, passes, lanes) = (params.m_cost(), params.t_cost(), params.p_cost());
    let [salt, hash] = [rand::random::<[u8; 16]>().to_vec(), rand::random::<[u8; 32]>().to_vec()]
        .map(|bytes| STANDARD_NO_PAD.encode(bytes));
    format!("$argon2id$v=19$m={memory},t={passes},p={lanes}${salt}${hash}")
});

/// Whether the secret is the one of the stored hash. Without a stored hash the decoy is verified, so that a wrong
/// key takes as much time as a wrong secret and keys can't be probed.
///
/// # Errors
/// 3003 when too many are being verified already.
pub(super) async fn verify(
    secret: SecretString,
    stored: Option<String>,
) -> Result<bool, Rejection> {
    let is_known = stored.is_some();
    let hash = stored.unwrap_or_else(|| DECOY.clone());
    let turn = tokio::time::timeout(HASHING_WAIT, HASHING.acquire()).await;
    let Ok(Ok(turn)) = turn else { return Err(Rejection::new(Code::Unavailable)) };
    let (tell, told) = oneshot::channel();
    tokio::task::spawn_blocking(move || {
        let mut memory = free().pop().unwrap_or_default();
        metrics::counter!("redeemq_auth_hashes_total").increment(1);
        let is_right = is_right(secret.expose_secret().as_bytes(), &hash, &mut memory);
        // The caller need not wait until nothing is left of the secret.
        let _ = tell.send(is_right.unwrap_or(false));
        memory.fill(Block::new());
        free().push(memory);
        drop(turn);
    });
    Ok(told.await.unwrap_or(false) && is_known)
}

fn free() -> MutexGuard<'static, Vec<Vec<Block>>> {
    FREE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// None where the hash can't be read. The memory grows as far as the hash asks for.
fn is_right(secret: &[u8], hash: &str, memory: &mut Vec<Block>) -> Option<bool> {
    let hash = PasswordHash::new(hash).ok()?;
    let params = Params::try_from(&hash).ok()?;
    let algorithm = Algorithm::try_from(hash.algorithm.as_str()).ok()?;
    let version = hash.version.map(Version::try_from).transpose().ok()?.unwrap_or_default();
    let (salt, expected) = (hash.salt?, hash.hash?);
    let blocks = params.block_count();
    if memory.len() < blocks {
        memory.resize(blocks, Block::new());
    }
    let mut output = vec![0; expected.len()];
    let argon2 = Argon2::new(algorithm, version, params);
    argon2.hash_password_into_with_memory(secret, &salt, &mut output, &mut memory[..]).ok()?;
    // In constant time.
    Some(Output::new(&output).ok()? == expected)
}

#[cfg(test)]
mod tests {
    use super::*;
    use argon2::password_hash::PasswordHasher as _;

    fn hashed(secret: &[u8], params: Params) -> String {
        Argon2::from(params).hash_password(secret).expect("a hash").to_string()
    }

    #[test]
    fn used_memory_verifies_as_the_library_does_whatever_was_there_before() {
        let params = |memory, passes, lanes| {
            Params::new(memory, passes, lanes, None).expect("parameters of Argon2")
        };
        let mut memory = Vec::new();
        for params in [params(64, 1, 1), params(8, 2, 1), params(256, 1, 4), params(16, 3, 2)] {
            let hash = hashed(b"right", params);
            for (secret, expected) in [(&b"right"[..], true), (b"wrong", false), (b"", false)] {
                assert_eq!(is_right(secret, &hash, &mut memory), Some(expected), "{hash}");
            }
        }
        assert_eq!(memory.len(), 256, "no more than the largest needs");
    }

    #[test]
    fn what_is_no_hash_is_nobodys() {
        let whole = hashed(b"right", Params::default());
        for hash in ["", "plain", "$argon2id$v=19$m=8,t=1,p=1", &whole.replace("argon2id", "md5")] {
            assert_eq!(is_right(b"right", hash, &mut Vec::new()), None, "{hash}");
        }
    }

    #[test]
    fn the_decoy_costs_as_much_as_a_clients_hash() {
        let client = hashed(b"right", Params::default());
        let cost = |hash: &str| {
            let parts: Vec<String> = hash.split('$').map(str::to_owned).collect();
            let lengths: Vec<usize> = parts.iter().map(String::len).collect();
            (parts[..4].to_vec(), lengths)
        };
        assert_eq!(cost(&DECOY), cost(&client));
        assert_eq!(is_right(b"right", &DECOY, &mut Vec::new()), Some(false));
    }

    #[tokio::test]
    async fn nothing_of_a_secret_is_left_in_memory_that_waits_to_be_used_again() {
        let stored = hashed(b"right", Params::default());
        assert!(verify("right".to_owned().into(), Some(stored.clone())).await.expect("in time"));
        assert!(!verify("wrong".to_owned().into(), Some(stored)).await.expect("in time"));
        assert!(!verify("right".to_owned().into(), None).await.expect("in time"));
        let all = HASHING.acquire_many(4).await.expect("permits");
        let free = free();
        assert!((1..=4).contains(&free.len()), "{} pieces", free.len());
        let mut words = free.iter().flatten().flat_map(|block| block.as_ref());
        assert!(words.all(|word: &u64| *word == 0));
        drop(all);
    }
}
