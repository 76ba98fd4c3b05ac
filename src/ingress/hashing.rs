//! Verifies api_secrets against Argon2id hashes. That is slow on purpose, so few run at a time.

use super::response::Rejection;
use crate::domain::code::Code;
use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use secrecy::{ExposeSecret as _, SecretString};
use std::sync::OnceLock;
use std::time::Duration;
use tokio::sync::Semaphore;

/// Hashes at a time: each takes 19 MiB and some ten milliseconds of a core, and anyone can ask for one.
static HASHING: Semaphore = Semaphore::const_new(4);
/// How long a caller waits for a permit.
const HASHING_WAIT: Duration = Duration::from_secs(1);
/// The hash of a random secret, which costs as much as a client's.
static DECOY: OnceLock<String> = OnceLock::new();

/// Makes the decoy hash, before the first caller could tell a missing one by the time that it takes.
///
/// # Errors
/// When nothing can be hashed.
pub(super) fn prepare() -> anyhow::Result<()> {
    let text: [u8; 32] = rand::random();
    let hash = Argon2::default()
        .hash_password(&text)
        .map_err(|error| anyhow::anyhow!("api secrets can't be hashed: {error}"))?;
    DECOY.get_or_init(|| hash.to_string());
    Ok(())
}

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
    let hash = stored.or_else(|| DECOY.get().cloned()).unwrap_or_default();
    let turn = tokio::time::timeout(HASHING_WAIT, HASHING.acquire()).await;
    let Ok(Ok(_turn)) = turn else { return Err(Rejection::new(Code::Unavailable)) };
    let verifying = tokio::task::spawn_blocking(move || {
        let hash = PasswordHash::new(&hash).ok()?;
        metrics::counter!("redeemq_auth_hashes_total").increment(1);
        Argon2::default().verify_password(secret.expose_secret().as_bytes(), &hash).ok()
    });
    Ok(verifying.await.ok().flatten().is_some() && is_known)
}
