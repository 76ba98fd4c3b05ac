//! Whether an api_secret is right: slow on purpose, so only so often at a time.

use super::answers::Refused;
use crate::domain::code::Code;
use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use secrecy::{ExposeSecret as _, SecretString};
use std::sync::OnceLock;
use std::time::Duration;
use tokio::sync::Semaphore;

/// Hashes at a time: each takes 19 MiB and a core for some ten milliseconds, and anyone can ask.
static HASHING: Semaphore = Semaphore::const_new(4);
/// How long a caller waits for his turn.
const HASHING_WAIT: Duration = Duration::from_secs(1);
/// The hash of a text that nobody knows, with the same costs as a client's.
static NOBODYS: OnceLock<String> = OnceLock::new();

/// Gets ready to judge secrets of nobody's: made before the first caller could tell by the time.
///
/// # Errors
/// When nothing can be hashed.
pub fn prepare() -> anyhow::Result<()> {
    let text: [u8; 32] = rand::random();
    let hash = Argon2::default()
        .hash_password(&text)
        .map_err(|error| anyhow::anyhow!("api secrets can't be hashed: {error}"))?;
    NOBODYS.get_or_init(|| hash.to_string());
    Ok(())
}

/// Whether the secret is the one of the stored hash. Where there is none, the work is done as well, so
/// that a wrong key takes as much time as a wrong secret and keys can't be probed.
///
/// # Errors
/// 3003 when too many wait already.
pub async fn verify(secret: SecretString, stored: Option<String>) -> Result<bool, Refused> {
    let is_someones = stored.is_some();
    let hash = stored.or_else(|| NOBODYS.get().cloned()).unwrap_or_default();
    let turn = tokio::time::timeout(HASHING_WAIT, HASHING.acquire()).await;
    let Ok(Ok(_turn)) = turn else { return Err(Refused::of(Code::Unavailable)) };
    let verifying = tokio::task::spawn_blocking(move || {
        let hash = PasswordHash::new(&hash).ok()?;
        metrics::counter!("redeemq_auth_hashes_total").increment(1);
        Argon2::default().verify_password(secret.expose_secret().as_bytes(), &hash).ok()
    });
    Ok(verifying.await.ok().flatten().is_some() && is_someones)
}
