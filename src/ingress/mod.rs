//! The thin ingress: checks the form of a request, publishes it, and answers once the broker has
//! confirmed it. Accepting a job needs no database; only `/Auth` and the status of a job do.
//!
//! A request's way: [`body`] reads it, [`tokens`] says whose it is, [`redeem`] makes a job of it,
//! [`gate`] publishes it, while [`keeper`] sees that it can, and [`replies`] waits for the result where the
//! caller asked for that. Before all that, [`limits`] may find that the caller has had his share.

pub mod answers;
pub mod auth;
pub mod body;
pub mod document;
pub mod gate;
pub mod hashing;
pub mod headers;
pub mod hygiene;
pub mod jobs;
pub mod keeper;
pub mod limits;
pub mod redeem;
pub mod replies;
pub mod routes;
pub mod tokens;
pub mod traced;

use crate::domain::code::Code;
use crate::gauges::Gauges;
use crate::secrets::Secrets;
use crate::server::{self, Bounds};
use crate::store;
use crate::traces::Traces;
use answers::Refused;
use anyhow::Context as _;
use axum::Router;
use axum::http::HeaderMap;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::get;
use gate::Gate;
use limits::Limits;
use replies::Replies;
use routes::Route;
use secrecy::SecretString;
use sqlx::PgPool;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokens::Tokens;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// One of so many connections may wait for a decision: those who wait shall not take all of them.
const WAITS_SHARE: usize = 2;

/// How an ingress runs.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where requests go.
    pub amqp_url: SecretString,
    /// Where callers come in.
    pub http_addr: SocketAddr,
    /// Bytes that may wait in a request queue.
    pub queue_bytes_max: u64,
    /// Connections at a time.
    pub connections_max: usize,
    /// How long a connection may be without a request.
    pub idle_max: Duration,
    /// How much one caller may ask for.
    pub limits: limits::Settings,
}

/// What every handler needs.
pub struct Front {
    /// Tokens, job ids, PIN hashes.
    pub secrets: Secrets,
    /// For `/Auth` and the status of jobs.
    pub store: PgPool,
    /// The way to the broker.
    pub gate: Gate,
    /// The way back.
    pub replies: Replies,
    /// Who may call.
    pub tokens: Tokens,
    /// How much one caller may ask for.
    pub limits: Arc<Limits>,
    /// Places for those who wait for a decision.
    pub waits: Semaphore,
    /// Makes spans.
    pub traces: Traces,
    /// Nobody shall wait any longer.
    pub stop: CancellationToken,
}

impl Front {
    /// A place among those who wait, and for how long, where the caller asked for that. It is a
    /// preference: while there is no place, he is answered as if he had not asked.
    pub fn may_wait(&self, headers: &HeaderMap) -> Option<(Duration, SemaphorePermit<'_>)> {
        let wait = headers::wait(headers)?;
        Some((wait, self.waits.try_acquire().ok()?))
    }
}

/// What there is at each of the [`routes`], and what holds for all of them.
pub fn router(front: Arc<Front>) -> Router {
    let (free, counted): (Vec<Route>, Vec<Route>) =
        routes::all().into_iter().partition(|route| route.is_free);
    let add = |router: Router<Arc<Front>>, route: Route| router.route(route.path, route.handler);
    let mut counted = counted
        .into_iter()
        .fold(Router::new(), add)
        .method_not_allowed_fallback(wrong_method)
        .fallback(async || Refused::about_status(404, "path"));
    if front.limits.count_addresses() {
        let counting = from_fn_with_state(Arc::clone(&front.limits), limits::of_address);
        counted = counted.layer(counting);
    }
    let free = free.into_iter().fold(Router::new(), add).method_not_allowed_fallback(wrong_method);
    let mut counted = counted.layer(from_fn(hygiene::keep));
    if front.traces.are_on() {
        counted = counted.layer(from_fn_with_state(front.traces.clone(), traced::request));
    }
    free.layer(from_fn(hygiene::keep)).merge(counted).with_state(front)
}

/// What there is for connections that are one too many. The process lives, but is not ready.
fn full() -> Router {
    let refusal = async || Refused::of(Code::Unavailable).because("too many connections");
    Router::new()
        .route("/livez", get(server::alive))
        .fallback(refusal)
        .layer(from_fn(hygiene::keep))
}

async fn wrong_method() -> Refused {
    Refused::about_status(405, "method")
}

async fn ready(
    axum::extract::State(front): axum::extract::State<Arc<Front>>,
) -> Result<&'static str, Refused> {
    if front.gate.is_open() { Ok("ready\n") } else { Err(Refused::of(Code::Unavailable)) }
}

/// Runs until told to stop; then answers what it has taken.
///
/// # Errors
/// When the address can't be bound or the broker's URL can't be read, or when something within has
/// panicked: the process that starts in its place serves whole. Outages are waited for.
pub async fn run(
    settings: Settings,
    secrets: Secrets,
    store: PgPool,
    gauges: Gauges,
    traces: Traces,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let listener = TcpListener::bind(settings.http_addr).await.map_err(|error| {
        anyhow::anyhow!("REDEEMQ_HTTP_ADDR: can't listen on {}: {error}", settings.http_addr)
    })?;
    tokio::task::spawn_blocking(hashing::prepare).await??;
    store::measure(&gauges, "ingress_database", store.clone());
    // What fails within ends this part alone; the process decides about the others.
    let stop = stop.child_token();
    let mut tasks = JoinSet::new();
    // The ways to the broker outlive the server: what was taken is still answered.
    let closing = CancellationToken::new();
    let front = Arc::new(Front {
        gate: Gate::open(&settings, &gauges, &mut tasks, &closing)?,
        replies: Replies::open(&settings.amqp_url, &mut tasks, &closing),
        tokens: Tokens::watch(store.clone(), secrets.clone(), &mut tasks, &closing),
        limits: Arc::new(Limits::new(&settings.limits)),
        waits: Semaphore::new(settings.connections_max.div_ceil(WAITS_SHARE)),
        secrets,
        store,
        traces,
        stop: stop.clone(),
    });
    let bounds = Bounds {
        name: "ingress",
        connections_max: settings.connections_max,
        idle_max: settings.idle_max,
    };
    tracing::info!(address = %listener.local_addr()?, "accepting");
    let mut serving = pin!(server::serve(listener, router(front), full(), bounds, stop.clone()));
    let ended = tokio::select! {
        () = &mut serving => Ok(()),
        // None of them ends before it is told to: whatever it did is done no more.
        Some(ended) = tasks.join_next() => {
            stop.cancel();
            serving.await;
            ended.map(drop)
        }
    };
    closing.cancel();
    let rest = async { while tasks.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(Duration::from_secs(2), rest).await;
    ended.context("a part of the ingress panicked: please report it")
}
