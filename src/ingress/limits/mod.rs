//! Limits of callers. Each ingress counts for itself.
//!
//! Requests of a client, and requests from a network, are limited only where the operator sets it. Wrong pairs at
//! `/Auth` are limited unless the operator turns that off: see [`auth_throttle`]. Waits are shared out: see [`waits`].

pub(super) mod auth_throttle;
pub(super) mod credential_cache;
mod hops;
pub(crate) mod rate;
pub(super) mod waits;

use super::response::Rejection;
use crate::domain::id::ClientId;
use crate::server::{Network, Peer};
use auth_throttle::AuthThrottle;
use axum::Extension;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use credential_cache::CredentialCache;
use hops::Hops;
use rate::{Limiter, Rate};
use std::num::NonZeroU32;
use std::sync::Arc;
use waits::Waits;

#[derive(Debug, Clone, Copy, Default)]
pub struct Settings {
    /// Requests of one client.
    pub(crate) client: Option<Rate>,
    /// Requests from one network.
    pub(crate) address: Option<Rate>,
    /// Wrong pairs a minute for one api_key from one network.
    pub(crate) auth_failures: Option<NonZeroU32>,
    /// Proxies in front of the ingress that add to `X-Forwarded-For`.
    pub(crate) trusted_hops: u8,
}

/// The counters of an ingress.
pub(super) struct Limits {
    pub(super) auth_throttle: AuthThrottle,
    pub(super) credential_cache: CredentialCache,
    pub(super) hops: Hops,
    pub(super) waits: Waits,
    client: Option<Limiter<ClientId>>,
    address: Option<Limiter<Network>>,
}

impl Limits {
    pub(super) fn new(settings: &Settings, waits: Waits) -> Self {
        Self {
            auth_throttle: AuthThrottle::new(settings.auth_failures),
            credential_cache: CredentialCache::new(),
            hops: Hops::trusting(settings.trusted_hops),
            waits,
            client: settings.client.map(|rate| Limiter::new("client", rate.quota())),
            address: settings.address.map(|rate| Limiter::new("address", rate.quota())),
        }
    }

    /// Counts a request with a valid token: a job or a status. A wait is one request.
    ///
    /// # Errors
    /// 0901 when the client is over its rate.
    pub(super) fn of_client(&self, client: &ClientId) -> Result<(), Rejection> {
        self.client
            .as_ref()
            .map_or(Ok(()), |limit| limit.check(client))
            .map_err(Rejection::rate_limited)
    }

    /// Whether there is a limit by network.
    pub(super) fn count_addresses(&self) -> bool {
        self.address.is_some()
    }
}

/// Counts every request by its network, before its body is read.
///
/// # Errors
/// 0901 when the network is over its rate.
pub(super) async fn of_address(
    State(limits): State<Arc<Limits>>,
    Extension(peer): Extension<Peer>,
    request: Request,
    next: Next,
) -> Result<Response, Rejection> {
    if let Some(limit) = &limits.address {
        let network = limits.hops.network(peer, request.headers());
        limit.check(&network).map_err(Rejection::rate_limited)?;
    }
    Ok(next.run(request).await)
}
