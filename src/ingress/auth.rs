//! `/Auth` and `/Auth/renew`: api key and secret for a token.

use super::answers::{Refused, success};
use super::limits::network::Network;
use super::{Front, body, hashing};
use crate::domain::code::Code;
use crate::domain::id::ClientId;
use crate::domain::params::{Given, Params};
use crate::secrets::TOKEN_LIFE;
use crate::server::Peer;
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
pub async fn token(
    State(front): State<Arc<Front>>,
    Extension(peer): Extension<Peer>,
    request: Request,
) -> Result<Response, Refused> {
    grant(front, peer, request, false).await
}

/// A new token; all earlier ones are void.
///
/// # Errors
/// As [`token`].
pub async fn renew(
    State(front): State<Arc<Front>>,
    Extension(peer): Extension<Peer>,
    request: Request,
) -> Result<Response, Refused> {
    grant(front, peer, request, true).await
}

async fn grant(
    front: Arc<Front>,
    peer: Peer,
    request: Request,
    renew: bool,
) -> Result<Response, Refused> {
    let (parts, body) = request.into_parts();
    let from = front.limits.hops.network(peer, &parts.headers);
    let params = body::read(&parts, body).await?;
    let (api_key, api_secret) = pair(&params)?;
    // In a task of its own: a caller who hangs up must not drop a transaction half-way.
    let granting = tokio::spawn(async move {
        let client = check(&front, from, &api_key, api_secret).await?;
        let now = wire::now();
        let (generation, issued_at) =
            current(&front, &client, now, renew).await.map_err(unavailable)?;
        front.tokens.renewed(&client, generation);
        let expires_at = issued_at + TOKEN_LIFE;
        let token = front.secrets.token(&client, generation, expires_at);
        Ok(success(200, &reply::Token { token, date_expire: wire::rfc3339(expires_at) }))
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

/// Whose pair it is.
async fn check(
    front: &Front,
    from: Network,
    api_key: &str,
    secret: SecretString,
) -> Result<ClientId, Refused> {
    let guesses = &front.limits.guesses;
    let proven = guesses.proven(api_key, &secret);
    if proven.is_none() {
        guesses.count(api_key, from).map_err(Refused::too_many)?;
    }
    let known = store::in_time(clients::credentials(&front.store, api_key));
    let known = known.await.map_err(unavailable)?;
    let stored = known.as_ref().map(|known| known.api_secret_hash.expose_secret().to_owned());
    if proven.is_none() || proven != stored {
        if !hashing::verify(secret.clone(), stored.clone()).await? {
            // Only what was right before can be right no more: a guess takes nothing from anyone.
            if proven.is_some() {
                guesses.disprove(api_key);
            }
            return Err(Refused::of(Code::BadCredentials));
        }
        guesses.prove(api_key, &secret, stored.unwrap_or_default());
    }
    match known {
        Some(known) if known.enabled => Ok(known.client),
        Some(_) => Err(Refused::of(Code::ClientDisabled)),
        None => Err(Refused::of(Code::BadCredentials)),
    }
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
