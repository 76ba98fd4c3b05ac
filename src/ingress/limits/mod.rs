//! How much one caller may ask for. Each ingress counts for itself.
//!
//! What a client may send, and what may come from one network, is bounded only where the operator says
//! so. Wrong pairs at `/Auth` are bounded unless he says otherwise: see [`guesses`].

pub mod guesses;
pub mod network;
pub mod rate;

use super::answers::Refused;
use crate::domain::id::ClientId;
use crate::server::Peer;
use axum::Extension;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use guesses::Guesses;
use network::{Hops, Network};
use rate::{Limiter, Rate};
use std::num::NonZeroU32;
use std::sync::Arc;

/// What is bounded.
#[derive(Debug, Clone, Copy, Default)]
pub struct Settings {
    /// Requests of one client.
    pub client: Option<Rate>,
    /// Requests from one network.
    pub address: Option<Rate>,
    /// Wrong pairs a minute for one api_key from one network.
    pub auth_failures: Option<NonZeroU32>,
    /// Proxies before the ingress that say whom they speak for.
    pub trusted_hops: u8,
}

/// The counters of an ingress.
pub struct Limits {
    /// Wrong pairs at `/Auth`.
    pub guesses: Guesses,
    /// Where requests come from.
    pub hops: Hops,
    client: Option<Limiter<ClientId>>,
    address: Option<Limiter<Network>>,
}

impl Limits {
    /// Nobody has asked for anything yet.
    pub fn new(settings: &Settings) -> Self {
        Self {
            guesses: Guesses::new(settings.auth_failures),
            hops: Hops::trusting(settings.trusted_hops),
            client: settings.client.map(|rate| Limiter::new("client", rate.quota())),
            address: settings.address.map(|rate| Limiter::new("address", rate.quota())),
        }
    }

    /// Counts a request with a valid token: a job, or a look at one. A wait is one request.
    ///
    /// # Errors
    /// 0901 when the client has had its share.
    pub fn of_client(&self, client: &ClientId) -> Result<(), Refused> {
        self.client.as_ref().map_or(Ok(()), |limit| limit.check(client)).map_err(Refused::too_many)
    }

    /// Whether requests are counted by where they come from.
    pub fn count_addresses(&self) -> bool {
        self.address.is_some()
    }
}

/// Counts every request, whatever it is, before any of it is read.
///
/// # Errors
/// 0901 when its network has had its share.
pub async fn of_address(
    State(limits): State<Arc<Limits>>,
    Extension(peer): Extension<Peer>,
    request: Request,
    next: Next,
) -> Result<Response, Refused> {
    if let Some(limit) = &limits.address {
        let network = limits.hops.network(peer, request.headers());
        limit.check(&network).map_err(Refused::too_many)?;
    }
    Ok(next.run(request).await)
}
