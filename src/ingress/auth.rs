//! `/Auth` and `/Auth/renew`: api key and secret for a token.

use super::answers::{Refused, success};
use super::{Front, body};
use crate::domain::code::Code;
use crate::domain::id::ClientId;
use crate::domain::params::{Given, Params};
use crate::secrets::TOKEN_LIFE;
use crate::store::{self, StoreError, clients};
use crate::wire;
use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use axum::extract::{Request, State};
use axum::response::Response;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use std::sync::{Arc, LazyLock};
use std::time::Duration;
use tokio::sync::Semaphore;

/// The client's current token: an unexpired one is handed out again.
///
/// # Errors
/// 0903, 0001, 0002, 3003.
pub async fn token(State(front): State<Arc<Front>>, request: Request) -> Result<Response, Refused> {
    grant(front, request, false).await
}

/// A new token; all earlier ones are void.
///
/// # Errors
/// As [`token`].
pub async fn renew(State(front): State<Arc<Front>>, request: Request) -> Result<Response, Refused> {
    grant(front, request, true).await
}

async fn grant(front: Arc<Front>, request: Request, renew: bool) -> Result<Response, Refused> {
    let (parts, body) = request.into_parts();
    let params = body::read(&parts, body).await?;
    let (api_key, api_secret) = pair(&params)?;
    // In a task of its own: a caller who hangs up must not drop a transaction half-way.
    let granting = tokio::spawn(async move {
        let client = check(&front, &api_key, api_secret).await?;
        let now = wire::now();
        let (generation, issued_at) =
            current(&front, &client, now, renew).await.map_err(unavailable)?;
        front.tokens.renewed(&client, generation);
        let expires_at = issued_at + TOKEN_LIFE;
        let token = front.secrets.token(&client, generation, expires_at);
        Ok(success(200, &json!({"token": token, "date_expire": wire::rfc3339(expires_at)})))
    });
    match tokio::time::timeout(store::ANSWER_TIMEOUT, granting).await {
        Ok(granted) => granted.unwrap_or_else(|_panic| Err(Refused::of(Code::Internal))),
        Err(_) => Err(unavailable(StoreError::Silent)),
    }
}

fn pair(params: &Params) -> Result<(String, SecretString), Refused> {
    // A key is looked up, and Postgres reads no text with a zero byte in it; a secret is only hashed.
    let (key, secret) = (params.id("api_key"), params.text("api_secret"));
    if let (Given::Good(key), Given::Good(secret)) = (&key, &secret) {
        return Ok((key.as_str().to_owned(), (*secret).into()));
    }
    let given = [("api_key", key.map(drop)), ("api_secret", secret.map(drop))];
    let about = |wanted: Given<()>, code: Code| {
        let about = given.iter().filter(|(_, given)| *given == wanted);
        let about: Vec<&str> = about.map(|(name, _)| *name).collect();
        (!about.is_empty()).then(|| Refused::naming(code, &about))
    };
    Err(about(Given::Missing, Code::MissingParameter)
        .or_else(|| about(Given::Unacceptable, Code::InvalidParameter))
        .unwrap_or_else(|| Refused::of(Code::Internal)))
}

/// Hashes at a time: each takes 19 MiB and a core for some ten milliseconds, and anyone can ask.
static HASHING: Semaphore = Semaphore::const_new(4);
/// How long a caller waits for his turn.
const HASHING_WAIT: Duration = Duration::from_secs(1);

/// Whose pair it is. A wrong key costs as much time as a wrong secret, so that keys can't be probed.
async fn check(front: &Front, api_key: &str, secret: SecretString) -> Result<ClientId, Refused> {
    let known = store::in_time(clients::credentials(&front.store, api_key));
    let known = known.await.map_err(unavailable)?;
    let hash = known.as_ref().map_or(&*NOBODYS_HASH, |known| &known.api_secret_hash).clone();
    let turn = tokio::time::timeout(HASHING_WAIT, HASHING.acquire()).await;
    let Ok(Ok(_turn)) = turn else { return Err(Refused::of(Code::Unavailable)) };
    let verifying = tokio::task::spawn_blocking(move || verifies(&secret, &hash));
    let is_right = verifying.await.unwrap_or(false);
    match known {
        Some(known) if is_right && known.enabled => Ok(known.client),
        Some(_) if is_right => Err(Refused::of(Code::ClientDisabled)),
        _ => Err(Refused::of(Code::BadCredentials)),
    }
}

/// The hash of a text that nobody knows, with the same costs as a client's.
static NOBODYS_HASH: LazyLock<SecretString> = LazyLock::new(|| {
    let text: [u8; 32] = rand::random();
    let hash = Argon2::default().hash_password(&text).map(|hash| hash.to_string());
    hash.unwrap_or_default().into()
});

fn verifies(secret: &SecretString, hash: &SecretString) -> bool {
    PasswordHash::new(hash.expose_secret()).is_ok_and(|hash| {
        Argon2::default().verify_password(secret.expose_secret().as_bytes(), &hash).is_ok()
    })
}

async fn current(
    front: &Front,
    client: &ClientId,
    now: time::OffsetDateTime,
    renew: bool,
) -> store::Result<(i32, time::OffsetDateTime)> {
    let mut db = front.store.begin().await?;
    let current = clients::current_token(&mut db, client, now, TOKEN_LIFE, renew).await?;
    db.commit().await?;
    Ok(current)
}

/// The database is away: `/Auth` can't be answered, accepting jobs goes on.
fn unavailable(error: impl Into<StoreError>) -> Refused {
    tracing::warn!(error = %error.into(), "the database did not answer");
    Refused::of(Code::Unavailable)
}
