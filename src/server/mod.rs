//! HTTP connections: how many there may be at a time, and how long each may take over what it does.
//!
//! A connection costs an open file and some memory, whatever comes through it. So their number is limited, in
//! all and from one network: see [`bounds`]. A connection beyond a limit is refused at once instead of waiting,
//! and none stays open for long without a request: see [`connection`].

mod bounds;
pub mod connection;
mod heads;
mod host;
mod network;
mod path;
mod readiness;

pub use bounds::Bounds;
pub use connection::Peer;
pub(crate) use network::Network;
pub use readiness::Readiness;

use crate::shares::Share;
use axum::Router;
use bounds::{Full, Places};
use connection::ConnectionLimits;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long a stopping server waits for responses under way.
const GRACE: Duration = Duration::from_secs(5);
/// Time that a connection beyond the bounds has to send the request that is refused.
const TURNED_AWAY_TIME: Duration = Duration::from_secs(2);
/// Pause after a failed accept: without free file descriptors the next one fails as well.
const ACCEPT_PAUSE: Duration = Duration::from_millis(500);

/// The process responds: nothing more is checked.
pub async fn alive() -> &'static str {
    "alive\n"
}

/// Who responds.
#[derive(Clone)]
pub struct Routers {
    pub usual: Router,
    /// On connections beyond the bounds.
    pub full: Router,
    /// To what says no host, or several.
    pub malformed: Router,
}

/// Serves until told to stop; then until the last response, but no longer than the grace period: a slow
/// caller must not hold up the end.
pub async fn serve(
    listener: TcpListener,
    routers: Routers,
    bounds: Bounds,
    stop: CancellationToken,
) {
    let connections = TaskTracker::new();
    let cut = CancellationToken::new();
    let (places, turned_away) = (Places::of(&bounds), Places::turned_away(&bounds));
    Full::ALL.into_iter().for_each(|bound| refused(&bounds, bound).increment(0));
    let mut has_warned = false;
    let taking = async {
        loop {
            let (stream, peer) = accept(&listener).await;
            let (place, router, limits) = match places.take(peer.ip()) {
                Ok(place) => (place, &routers.usual, ConnectionLimits::usual(bounds.idle_max)),
                Err(met) => {
                    refused(&bounds, met).increment(1);
                    if met == Full::Address && !std::mem::replace(&mut has_warned, true) {
                        tracing::warn!(
                            "one address has as many connections as one may have: if it is a proxy's, set REDEEMQ_TRUSTED_HOPS; if it stands for many callers otherwise, REDEEMQ_CONNECTIONS_ADDRESS"
                        );
                    }
                    let Ok(place) = turned_away.take(peer.ip()) else { continue };
                    (place, &routers.full, ConnectionLimits::refusal(TURNED_AWAY_TIME))
                }
            };
            let (router, malformed) = (router.clone(), routers.malformed.clone());
            let serving =
                connection::serve(stream, Peer(peer), router, malformed, limits, stop.clone());
            let serving = counted(bounds.name, place, serving);
            connections.spawn(cut.clone().run_until_cancelled_owned(serving));
        }
    };
    stop.run_until_cancelled(taking).await;
    drop(listener);
    connections.close();
    if tokio::time::timeout(GRACE, connections.wait()).await.is_err() {
        tracing::warn!(
            connections = connections.len(),
            "shutdown: closing connections that are still open"
        );
        cut.cancel();
    }
}

fn refused(bounds: &Bounds, met: Full) -> metrics::Counter {
    let (server, why) = (bounds.name, met.as_str());
    metrics::counter!("redeemq_connections_refused_total", "server" => server, "why" => why)
}

async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            // The caller hung up before it was accepted.
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionAborted => {}
            Err(error) => {
                tracing::warn!(%error, "cannot accept connections: raise the limit of open files (ulimit -n), or lower REDEEMQ_CONNECTIONS_MAX");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn counted(
    server: &'static str,
    place: Share<Network>,
    serving: impl Future<Output = Option<connection::Cut>>,
) {
    let open = metrics::gauge!("redeemq_connections", "server" => server);
    open.increment(1.0);
    if let Some(cut) = serving.await {
        let why = cut.as_str();
        metrics::counter!("redeemq_connections_cut_total", "server" => server, "why" => why)
            .increment(1);
    }
    open.decrement(1.0);
    drop(place);
}
