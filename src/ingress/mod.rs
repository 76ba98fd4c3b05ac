//! The thin ingress: checks the form of a request, publishes it, and answers once the broker has
//! confirmed it. Accepting a job needs no database; only `/Auth` and the status of a job do.
//!
//! A request in order: [`limits`] counts it, [`call`] reads it, [`tokens`] says whose it is, [`redeem`] makes
//! a job of it, [`request_publisher`] publishes it, and [`pending_replies`] waits for the result where the
//! caller asked for that. [`state`] is what they share; [`routes`] joins them.

mod answers;
mod auth;
pub mod body;
mod call;
pub mod catch_panic;
pub(crate) mod cors;
mod document;
mod hashing;
pub mod headers;
mod jobs;
pub(crate) mod limits;
mod media_type;
mod multipart;
mod pending_replies;
mod publisher_task;
mod redeem;
mod request_message;
mod request_publisher;
mod response;
pub mod routes;
pub mod security_headers;
mod slot;
mod state;
mod tokens;
mod trace;
mod wait;

use crate::domain::answer_mode::AnswerMode;
use crate::gauges::Gauges;
use crate::secrets::Secrets;
use crate::server::{self, Bounds, Readiness, Routers};
use crate::store::{self, StatementLimit};
use crate::traces::Traces;
use anyhow::Context as _;
use cors::CorsOrigins;
use limits::Limits;
use limits::waits::Waits;
use pending_replies::PendingReplies;
use request_publisher::RequestPublisher;
use secrecy::SecretString;
use sqlx::PgPool;
use state::AppState;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokens::Tokens;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// How an ingress runs.
#[derive(Debug, Clone)]
pub struct Settings {
    pub(crate) amqp_url: SecretString,
    pub(crate) http_addr: SocketAddr,
    /// Bytes that may wait in a request queue.
    pub(crate) queue_bytes_max: u64,
    /// Connections at a time.
    pub(crate) connections_max: usize,
    /// Of them from one network; any number if not given.
    pub(crate) address_max: Option<usize>,
    /// How long a connection may be without a request.
    pub(crate) idle_max: Duration,
    pub(crate) limits: limits::Settings,
    /// Origins whose web pages may call, where there are any.
    pub(crate) cors_origins: Option<CorsOrigins>,
    /// How long the database may take.
    pub(crate) statement_limit: StatementLimit,
    /// How a request is answered whose client is unknown.
    pub(crate) answers: AnswerMode,
    /// How long a synchronous client waits for a decision.
    pub(crate) sync_wait: Duration,
}

/// Runs until told to stop, then answers the requests that it has taken.
///
/// # Errors
/// When the address can't be bound or the broker's URL can't be read, or when a task panicked: then the process
/// is to be restarted. Outages are waited for.
pub(crate) async fn run(
    settings: Settings,
    secrets: Secrets,
    store: PgPool,
    gauges: Gauges,
    traces: Traces,
    readiness: Readiness,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let listener = TcpListener::bind(settings.http_addr).await.map_err(|error| {
        anyhow::anyhow!("REDEEMQ_HTTP_ADDR: can't listen on {}: {error}", settings.http_addr)
    })?;
    store::measure(&gauges, "ingress_database", store.clone());
    // A fault here ends the ingress alone; the process decides about its other parts.
    let stop = stop.child_token();
    let mut tasks = JoinSet::new();
    // Connections to the broker outlive the server, so that requests already taken are answered.
    let closing = CancellationToken::new();
    let (url, queue_bytes) = (&settings.amqp_url, settings.queue_bytes_max);
    let state = Arc::new(AppState {
        publisher: RequestPublisher::open(url, queue_bytes, &gauges, &mut tasks, &closing)?,
        replies: PendingReplies::open(url, &mut tasks, &closing),
        tokens: Tokens::watch(
            store.clone(),
            settings.statement_limit,
            secrets.clone(),
            settings.answers,
            &mut tasks,
            &closing,
        ),
        limits: Arc::new(Limits::new(&settings.limits, Waits::among(settings.connections_max))),
        sync_wait: settings.sync_wait,
        statement_limit: settings.statement_limit,
        secrets,
        store,
        traces,
        stop: stop.clone(),
    });
    let weak = Arc::downgrade(&state);
    readiness.known_by(move || weak.upgrade().is_some_and(|state| state.publisher.is_open()));
    let bounds = Bounds {
        name: "ingress",
        connections_max: settings.connections_max,
        address_max: settings.address_max,
        idle_max: settings.idle_max,
    };
    tracing::info!(address = %listener.local_addr()?, "accepting");
    let cors = settings.cors_origins.as_ref();
    let routers = Routers {
        usual: routes::router(Arc::clone(&state), cors),
        full: routes::too_many_connections(state, cors),
        malformed: routes::malformed(),
    };
    let mut serving = pin!(server::serve(listener, routers, bounds, stop.clone()));
    let ended = tokio::select! {
        () = &mut serving => Ok(()),
        // A task ends before it is told to only by a panic.
        Some(ended) = tasks.join_next() => {
            stop.cancel();
            serving.await;
            ended.map(drop)
        }
    };
    closing.cancel();
    let rest = async { while tasks.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(Duration::from_secs(2), rest).await;
    ended.context("an ingress task panicked; please report it")
}
