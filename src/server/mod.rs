//! HTTP connections: how many there may be at a time, and how long each may take over what it does.
//!
//! A connection costs an open file and some memory, whatever comes through it. So their number is limited.
//! A connection beyond the limit is refused at once instead of waiting, and none stays open for long without
//! a request: see [`connection`].

pub mod connection;
mod path;

pub use connection::Peer;

use axum::Router;
use connection::ConnectionLimits;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long a stopping server waits for responses under way.
const GRACE: Duration = Duration::from_secs(5);
/// Connections beyond the limit that get a response at a time; further ones are just closed.
const TURNED_AWAY_MAX: usize = 64;
/// Time that one of them has to send the request that is refused.
const TURNED_AWAY_TIME: Duration = Duration::from_secs(2);
/// Pause after a failed accept: without free file descriptors the next one fails as well.
const ACCEPT_PAUSE: Duration = Duration::from_millis(500);

#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    pub name: &'static str,
    pub connections_max: usize,
    /// How long one may be without a whole request, once it has sent the first.
    pub idle_max: Duration,
}

/// The process responds: nothing more is checked.
pub async fn alive() -> &'static str {
    "alive\n"
}

/// Serves until told to stop; then until the last response, but no longer than the grace period: a slow
/// caller must not hold up the end. `full` responds on connections beyond the limit.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    full: Router,
    bounds: Bounds,
    stop: CancellationToken,
) {
    let connections = TaskTracker::new();
    let cut = CancellationToken::new();
    let places = Arc::new(Semaphore::new(bounds.connections_max));
    let turned_away = Arc::new(Semaphore::new(TURNED_AWAY_MAX));
    let taking = async {
        loop {
            let (stream, peer) = accept(&listener).await;
            let (place, router, limits) = match Arc::clone(&places).try_acquire_owned() {
                Ok(place) => (place, &router, ConnectionLimits::usual(bounds.idle_max)),
                Err(_) => {
                    metrics::counter!("redeemq_connections_refused_total", "server" => bounds.name)
                        .increment(1);
                    let Ok(place) = Arc::clone(&turned_away).try_acquire_owned() else { continue };
                    (place, &full, ConnectionLimits::refusal(TURNED_AWAY_TIME))
                }
            };
            let serving =
                connection::serve(stream, Peer(peer), router.clone(), limits, stop.clone());
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
    place: OwnedSemaphorePermit,
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
