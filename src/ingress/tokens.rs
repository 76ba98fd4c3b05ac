//! Verifies tokens, and knows how each client is answered. Tokens are self-contained, so this needs no database:
//! what changes about clients is known from a snapshot that is polled. Until there is one, a token's signature alone
//! decides, and every client is answered by default.

use super::response::Rejection;
use crate::domain::answer_mode::AnswerMode;
use crate::domain::code::Code;
use crate::domain::id::ClientId;
use crate::secrets::{Secrets, TOKEN_LIFE, Token};
use crate::store::clients::{self, ClientStatus};
use crate::store::{self, StatementLimit};
use crate::wire;
use sha2::{Digest as _, Sha256};
use sqlx::PgPool;
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Age of the snapshot while the database answers.
const POLL_EVERY: Duration = Duration::from_secs(1);

/// The token of a request.
pub(super) enum Bearer {
    Missing,
    /// Not signed by us.
    Void,
    /// Signed by us; it may have expired or been renewed.
    Signed(Token),
}

/// All clients as the database had them.
#[derive(Default)]
struct Snapshot {
    standings: HashMap<ClientId, ClientStatus>,
    /// By SHA-256 of the api_key.
    by_api_key: HashMap<Vec<u8>, ClientId>,
}

impl FromIterator<clients::Snapshot> for Snapshot {
    fn from_iter<T: IntoIterator<Item = clients::Snapshot>>(clients: T) -> Self {
        let mut snapshot = Self::default();
        for clients::Snapshot { client, api_key_hash, standing } in clients {
            snapshot.by_api_key.insert(api_key_hash, client.clone());
            snapshot.standings.insert(client, standing);
        }
        snapshot
    }
}

#[derive(Clone)]
pub(super) struct Tokens {
    secrets: Secrets,
    /// How a request is answered whose client is unknown.
    default: AnswerMode,
    statement_limit: StatementLimit,
    snapshot: Arc<RwLock<Option<Snapshot>>>,
    /// When the last poll began that a request asked for.
    refreshed_at: Arc<tokio::sync::Mutex<Option<Instant>>>,
}

/// A token lives for [`TOKEN_LIFE`]; the clock of the ingress that made it may be ahead.
const CLOCKS_APART: time::Duration = time::Duration::seconds(60);

/// Whether a token has not expired, and lives no longer than tokens do.
fn is_alive(token: &Token, now: time::OffsetDateTime) -> bool {
    now < token.expires_at && token.expires_at <= now + TOKEN_LIFE + CLOCKS_APART
}

impl Tokens {
    /// Begins to poll the snapshot.
    pub(super) fn watch(
        store: PgPool,
        statement_limit: StatementLimit,
        secrets: Secrets,
        default: AnswerMode,
        tasks: &mut JoinSet<Option<()>>,
        stop: &CancellationToken,
    ) -> Self {
        let tokens = Self {
            secrets,
            default,
            statement_limit,
            snapshot: Arc::default(),
            refreshed_at: Arc::default(),
        };
        let polling = tokens.clone().poll(store);
        tasks.spawn(stop.clone().run_until_cancelled_owned(polling));
        tokens
    }

    pub(super) fn read(&self, token: Option<&str>) -> Bearer {
        match token {
            None => Bearer::Missing,
            Some(text) => self.secrets.signed_token(text).map_or(Bearer::Void, Bearer::Signed),
        }
    }

    /// The client that holds this token. A token of a generation that the snapshot does not have yet may have
    /// been made since, by another ingress: then the database is asked, if it answers.
    ///
    /// # Errors
    /// 0902 without one, 0900 for one that is void, 0002 for a disabled client.
    pub(super) async fn verify(
        &self,
        bearer: &Bearer,
        store: &PgPool,
    ) -> Result<ClientId, Rejection> {
        if let Bearer::Signed(token) = bearer
            && self.is_ahead(token)
            && is_alive(token, wire::now())
            && self.refresh_since(Instant::now(), store).await.is_ok()
            && self.is_ahead(token)
        {
            return Err(Rejection::new(Code::InvalidToken));
        }
        self.verify_by_snapshot(bearer)
    }

    /// Whether a token is of a generation that its client has not reached.
    fn is_ahead(&self, token: &Token) -> bool {
        let snapshot = self.snapshot();
        let standing = snapshot.as_ref().and_then(|all| all.standings.get(&token.client));
        standing.is_some_and(|standing| token.generation > standing.token_generation)
    }

    fn verify_by_snapshot(&self, bearer: &Bearer) -> Result<ClientId, Rejection> {
        let void = || Rejection::new(Code::InvalidToken);
        let token = match bearer {
            Bearer::Missing => return Err(Rejection::new(Code::TokenRequired)),
            Bearer::Void => return Err(void()),
            Bearer::Signed(token) if !is_alive(token, wire::now()) => return Err(void()),
            Bearer::Signed(token) => token,
        };
        let snapshot = self.snapshot();
        let Some(snapshot) = snapshot.as_ref() else { return Ok(token.client.clone()) };
        match snapshot.standings.get(&token.client) {
            // First, for disabling has ended all its tokens.
            Some(standing) if !standing.enabled => Err(Rejection::new(Code::ClientDisabled)),
            Some(standing) if token.generation < standing.token_generation => Err(void()),
            // A client newer than the snapshot: the signature is enough, and the worker checks again.
            Some(_) | None => Ok(token.client.clone()),
        }
    }

    /// How a request is answered: as the client of its token is, else as the client of its api_key.
    pub(super) fn answers(&self, bearer: &Bearer, api_key: Option<&str>) -> AnswerMode {
        let snapshot = self.snapshot();
        let Some(snapshot) = snapshot.as_ref() else { return self.default };
        let client = match (bearer, api_key) {
            (Bearer::Signed(token), _) => Some(&token.client),
            (_, Some(key)) => snapshot.by_api_key.get(Sha256::digest(key).as_slice()),
            (_, None) => None,
        };
        let standing = client.and_then(|client| snapshot.standings.get(client));
        standing.map_or(self.default, |standing| standing.answers)
    }

    /// A renewal on this ingress takes effect here at once.
    pub(super) fn renewed(&self, client: &ClientId, token_generation: i32) {
        let mut snapshot = self.snapshot.write().unwrap_or_else(PoisonError::into_inner);
        let standings = snapshot.as_mut().map(|snapshot| &mut snapshot.standings);
        if let Some(standing) = standings.and_then(|all| all.get_mut(client)) {
            standing.token_generation = token_generation;
        }
    }

    /// Polls once more when this client, which the database knows, is newer than the snapshot.
    pub(super) async fn learn(&self, client: &ClientId, store: &PgPool) -> store::Result<()> {
        let knows = |snapshot: &Snapshot| snapshot.standings.contains_key(client);
        if self.snapshot().as_ref().is_some_and(knows) {
            return Ok(());
        }
        self.refresh(store).await
    }

    /// Polls once more, unless another request has begun to since then. One at a time does.
    async fn refresh_since(&self, since: Instant, store: &PgPool) -> store::Result<()> {
        let mut refreshed_at = self.refreshed_at.lock().await;
        if refreshed_at.is_some_and(|begun| begun >= since) {
            return Ok(());
        }
        let begun = Instant::now();
        self.refresh(store).await?;
        *refreshed_at = Some(begun);
        Ok(())
    }

    async fn refresh(&self, store: &PgPool) -> store::Result<()> {
        let clients = self.statement_limit.in_time(clients::snapshot(store)).await?;
        let mut snapshot = self.snapshot.write().unwrap_or_else(PoisonError::into_inner);
        *snapshot = Some(clients.into_iter().collect());
        Ok(())
    }

    async fn poll(self, store: PgPool) {
        let mut is_failing = false;
        loop {
            match self.refresh(&store).await {
                Ok(()) => is_failing = false,
                Err(error) if !is_failing => {
                    tracing::warn!(%error, "can't read clients; the last snapshot stays in force");
                    is_failing = true;
                }
                Err(_) => {}
            }
            metrics::gauge!("redeemq_clients_snapshot_failing")
                .set(f64::from(u8::from(is_failing)));
            tokio::time::sleep(POLL_EVERY).await;
        }
    }

    fn snapshot(&self) -> RwLockReadGuard<'_, Option<Snapshot>> {
        self.snapshot.read().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(id: &str) -> ClientId {
        ClientId::parse(id).expect("a client id")
    }

    /// `web` is answered synchronously, `queue` is not; each one's api_key is its id.
    fn tokens(default: AnswerMode) -> Tokens {
        let secret = "0123456789abcdef0123456789abcdef".to_owned().into();
        let known = |id, answers| clients::Snapshot {
            client: client(id),
            api_key_hash: Sha256::digest(id).to_vec(),
            standing: ClientStatus { enabled: true, token_generation: 2, answers },
        };
        let all = [known("web", AnswerMode::Sync), known("queue", AnswerMode::Async)];
        Tokens {
            secrets: Secrets::parse(&secret).expect("a secret"),
            default,
            statement_limit: StatementLimit::default(),
            snapshot: Arc::new(RwLock::new(Some(all.into_iter().collect()))),
            refreshed_at: Arc::default(),
        }
    }

    #[test]
    fn a_request_belongs_to_its_tokens_client_else_to_its_api_keys_else_to_nobody() {
        use AnswerMode::{Async, Sync};
        for default in [Async, Sync] {
            let tokens = tokens(default);
            let now = wire::now();
            let token = |id, generation, at| tokens.secrets.token(&client(id), generation, at);
            let alive = now + TOKEN_LIFE;
            for (token, api_key, expected) in [
                (Some(token("web", 2, alive)), None, Sync),
                (Some(token("web", 2, alive)), Some("queue"), Sync),
                (Some(token("queue", 2, alive)), Some("web"), Async),
                (Some(token("web", 2, now)), None, Sync),
                (Some(token("web", 1, alive)), None, Sync),
                (Some(token("stranger", 0, alive)), Some("web"), default),
                (Some("forged".to_owned()), Some("web"), Sync),
                (Some("forged".to_owned()), Some("queue"), Async),
                (Some("forged".to_owned()), None, default),
                (None, Some("web"), Sync),
                (None, Some("nobody's"), default),
                (None, None, default),
            ] {
                let answers = tokens.answers(&tokens.read(token.as_deref()), api_key);
                assert_eq!(answers, expected, "{token:?} {api_key:?} {default}");
            }
        }
    }

    #[test]
    fn an_expired_or_renewed_token_is_void_though_it_can_be_read() {
        let tokens = tokens(AnswerMode::Async);
        let now = wire::now();
        let verified = |generation, at| {
            let token = tokens.secrets.token(&client("web"), generation, at);
            tokens.verify_by_snapshot(&tokens.read(Some(&token))).ok()
        };
        assert_eq!(verified(2, now + TOKEN_LIFE), Some(client("web")));
        assert_eq!(verified(1, now + TOKEN_LIFE), None);
        assert_eq!(verified(2, now), None);
        let hour = time::Duration::hours(1);
        assert_eq!(verified(2, now + TOKEN_LIFE + hour), None, "no token lives so long");
    }
}
