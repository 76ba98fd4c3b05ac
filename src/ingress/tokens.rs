//! Verifies tokens. They are self-contained, so this needs no database: renewed and disabled clients are known
//! from a snapshot that is polled. Until there is one, the signature alone decides.

use super::response::Rejection;
use crate::domain::code::Code;
use crate::domain::id::ClientId;
use crate::secrets::Secrets;
use crate::store;
use crate::store::clients::{self, Standing};
use crate::wire;
use sqlx::PgPool;
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Age of the snapshot while the database answers.
const POLL_EVERY: Duration = Duration::from_secs(2);

type Snapshot = Option<HashMap<ClientId, Standing>>;

pub(super) struct Tokens {
    secrets: Secrets,
    snapshot: Arc<RwLock<Snapshot>>,
}

impl Tokens {
    /// Begins to poll the snapshot.
    pub(super) fn watch(
        store: PgPool,
        secrets: Secrets,
        tasks: &mut JoinSet<Option<()>>,
        stop: &CancellationToken,
    ) -> Self {
        let snapshot = Arc::new(RwLock::new(None));
        let watching = poll(store, Arc::clone(&snapshot));
        tasks.spawn(stop.clone().run_until_cancelled_owned(watching));
        Self { secrets, snapshot }
    }

    /// The client that holds this token.
    ///
    /// # Errors
    /// 0902 without one, 0900 for one that is void, 0002 for a disabled client.
    pub(super) fn verify(&self, token: Option<&str>) -> Result<ClientId, Rejection> {
        let token = token.ok_or_else(|| Rejection::new(Code::TokenRequired))?;
        let void = || Rejection::new(Code::InvalidToken);
        let token = self.secrets.read_token(token, wire::now()).ok_or_else(void)?;
        let snapshot = self.snapshot.read().unwrap_or_else(PoisonError::into_inner);
        let Some(standings) = snapshot.as_ref() else { return Ok(token.client) };
        match standings.get(&token.client) {
            Some(standing) if token.generation < standing.token_generation => Err(void()),
            Some(standing) if !standing.enabled => Err(Rejection::new(Code::ClientDisabled)),
            // A client newer than the snapshot: the signature is enough, and the worker checks again.
            Some(_) | None => Ok(token.client),
        }
    }

    /// A renewal on this ingress takes effect here at once.
    pub(super) fn renewed(&self, client: &ClientId, token_generation: i32) {
        let mut snapshot = self.snapshot.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(standing) = snapshot.as_mut().and_then(|all| all.get_mut(client)) {
            standing.token_generation = token_generation;
        }
    }
}

async fn poll(pool: PgPool, snapshot: Arc<RwLock<Snapshot>>) {
    let mut failing = false;
    loop {
        match store::in_time(clients::snapshot(&pool)).await {
            Ok(standings) => {
                *snapshot.write().unwrap_or_else(PoisonError::into_inner) = Some(standings);
                failing = false;
            }
            Err(error) if !failing => {
                tracing::warn!(%error, "can't read clients; the last snapshot stays in force");
                failing = true;
            }
            Err(_) => {}
        }
        metrics::gauge!("redeemq_clients_snapshot_failing").set(f64::from(u8::from(failing)));
        tokio::time::sleep(POLL_EVERY).await;
    }
}
