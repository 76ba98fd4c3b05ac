//! `/Auth` and `/Auth/renew`: api key and secret for a token.

use super::answers::Answering;
use super::call::Call;
use super::hashing;
use super::response::{Rejection, success};
use super::state::AppState;
use crate::domain::code::Code;
use crate::domain::id::ClientId;
use crate::domain::params::{Given, Params};
use crate::secrets::TOKEN_LIFE;
use crate::server::{Network, Peer};
use crate::store::{self, StoreError, clients};
use crate::wire::{self, reply};
use axum::Extension;
use axum::extract::{Request, State};
use axum::response::Response;
use secrecy::{ExposeSecret as _, SecretString};
use std::sync::Arc;

/// The client's current token: an unexpired one is handed out again.
///
/// # Errors
/// 0903, 0001, 0002, 0901, 3003.
pub(super) async fn token(
    State(state): State<Arc<AppState>>,
    Extension(peer): Extension<Peer>,
    request: Request,
) -> Result<Response, Rejection> {
    grant(state, peer, request, false).await
}

/// A new token; all earlier ones are void.
///
/// # Errors
/// As [`token`].
pub(super) async fn renew(
    State(state): State<Arc<AppState>>,
    Extension(peer): Extension<Peer>,
    request: Request,
) -> Result<Response, Rejection> {
    grant(state, peer, request, true).await
}

async fn grant(
    state: Arc<AppState>,
    peer: Peer,
    request: Request,
    renew: bool,
) -> Result<Response, Rejection> {
    let from = state.limits.hops.network(peer, request.headers());
    let call = Call::read(&state, request).await?;
    let (api_key, api_secret) = pair(&call.params)?;
    // In a task of its own: a caller that hangs up must not drop a transaction half-way.
    let (tokens, key) = (state.tokens.clone(), api_key.clone());
    let limit = state.statement_limit;
    let granting = tokio::spawn(async move {
        let client = check(&state, from, &api_key, api_secret).await?;
        let now = wire::now();
        let (generation, issued_at) =
            current(&state, &client, now, renew).await.map_err(unavailable)?;
        state.tokens.renewed(&client, generation);
        let expires_at = issued_at + TOKEN_LIFE;
        let token = state.secrets.token(&client, generation, expires_at);
        Ok(success(200, &reply::Token { token, date_expire: wire::rfc3339(expires_at) }))
    });
    let granted = tokio::time::timeout(limit.answer(), granting).await;
    // More may be known of the client than before.
    Answering::tell(&call.parts.extensions, tokens.answers(&call.bearer, Some(&key)));
    match granted {
        Ok(granted) => granted.unwrap_or_else(|_panic| Err(Rejection::new(Code::Internal))),
        Err(_) => Err(unavailable(StoreError::Silent)),
    }
}

fn pair(params: &Params) -> Result<(String, SecretString), Rejection> {
    // A key is looked up, and Postgres reads no text with a zero byte in it; a secret is only hashed.
    let (key, secret) = (params.id("api_key"), params.text("api_secret"));
    if let (Given::Good(key), Given::Good(secret)) = (&key, &secret) {
        return Ok((key.as_str().to_owned(), (*secret).into()));
    }
    let given =
        [("api_key", key.map(drop).unexplained()), ("api_secret", secret.map(drop).unexplained())];
    let about = |wanted: Given<()>, code: Code| {
        let about = given.iter().filter(|(_, given)| *given == wanted);
        let about: Vec<&str> = about.map(|(name, _)| *name).collect();
        (!about.is_empty()).then(|| Rejection::naming(code, &about))
    };
    Err(about(Given::Missing, Code::MissingParameter)
        .or_else(|| about(Given::Unacceptable, Code::InvalidParameter))
        .unwrap_or_else(|| Rejection::new(Code::Internal)))
}

/// The client whose pair it is.
async fn check(
    state: &AppState,
    from: Network,
    api_key: &str,
    secret: SecretString,
) -> Result<ClientId, Rejection> {
    let cache = &state.limits.credential_cache;
    let cached = cache.find(api_key, &secret);
    if cached.is_none() {
        state.limits.auth_throttle.count(api_key, from).map_err(Rejection::rate_limited)?;
    }
    let known = state.statement_limit.in_time(clients::credentials(&state.store, api_key));
    let known = known.await.map_err(unavailable)?;
    if let Some(known) = &known {
        // A client made since the last poll is answered in its own way from the start. Without the database it is
        // known with the next poll.
        let _ = state.tokens.learn(&known.client, &state.store).await;
    }
    let stored: Vec<String> =
        known.iter().flat_map(|known| &known.api_secret_hashes).map(exposed).collect();
    if !cached.as_ref().is_some_and(|hash| stored.contains(hash)) {
        match matching(&secret, stored).await? {
            Some(hash) => cache.insert(api_key, &secret, hash),
            None => {
                // Only a pair that was right can become wrong: a guess removes nobody's.
                if cached.is_some() {
                    cache.remove(api_key);
                }
                return Err(Rejection::new(Code::BadCredentials));
            }
        }
    }
    match known {
        Some(known) if known.enabled => Ok(known.client),
        Some(_) => Err(Rejection::new(Code::ClientDisabled)),
        None => Err(Rejection::new(Code::BadCredentials)),
    }
}

/// The hash that the secret is right for: one of a known client, or none.
async fn matching(secret: &SecretString, stored: Vec<String>) -> Result<Option<String>, Rejection> {
    if stored.is_empty() {
        hashing::verify(secret.clone(), None).await?;
    }
    for hash in stored {
        if hashing::verify(secret.clone(), Some(hash.clone())).await? {
            return Ok(Some(hash));
        }
    }
    Ok(None)
}

fn exposed(hash: &SecretString) -> String {
    hash.expose_secret().to_owned()
}

async fn current(
    state: &AppState,
    client: &ClientId,
    now: time::OffsetDateTime,
    renew: bool,
) -> store::Result<(i32, time::OffsetDateTime)> {
    let mut db = state.store.begin().await?;
    let current = clients::current_token(&mut db, client, now, TOKEN_LIFE, renew).await?;
    db.commit().await?;
    Ok(current)
}

/// Without the database `/Auth` can't be answered; jobs are still accepted.
fn unavailable(error: impl Into<StoreError>) -> Rejection {
    tracing::warn!(error = %error.into(), "the database did not answer");
    Rejection::new(Code::Unavailable)
}
