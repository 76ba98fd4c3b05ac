//! The thin ingress: checks the form of a request, publishes it, and answers once the broker has
//! confirmed it. Accepting a job needs no database; only `/Auth` and the status of a job do.
//!
//! A request's way: [`body`] reads it, [`tokens`] says whose it is, [`redeem`] makes a job of it,
//! [`gate`] publishes it, [`replies`] waits for the result where the caller asked for that.

pub mod answers;
pub mod auth;
pub mod body;
pub mod gate;
pub mod headers;
pub mod jobs;
pub mod keeper;
pub mod redeem;
pub mod replies;
pub mod tokens;

use crate::domain::code::Code;
use crate::domain::request::Operation;
use crate::ops;
use crate::secrets::Secrets;
use answers::Refused;
use axum::Router;
use axum::routing::{get, post};
use gate::Gate;
use replies::Replies;
use secrecy::SecretString;
use sqlx::PgPool;
use std::net::SocketAddr;
use std::sync::Arc;
use tokens::Tokens;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How an ingress runs.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where requests go.
    pub amqp_url: SecretString,
    /// Where callers come in.
    pub http_addr: SocketAddr,
    /// Bytes that may wait in a request queue.
    pub queue_bytes_max: u64,
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
    /// Nobody shall wait any longer.
    pub stop: CancellationToken,
}

/// The routes of the contract.
pub fn router(front: Arc<Front>) -> Router {
    let operation = |operation: Operation| {
        post(move |state, request| redeem::accept(operation, state, request))
    };
    Router::new()
        .route("/Auth", post(auth::token))
        .route("/Auth/renew", post(auth::renew))
        .route("/Redeem/goods", operation(Operation::Goods))
        .route("/Redeem/goodsGroup", operation(Operation::GoodsGroup))
        .route("/Redeem/goodsGroup/verify", operation(Operation::Verify))
        .route("/Redeem/sponsor", operation(Operation::Sponsor))
        .route("/Redeem/sponsorGroup", operation(Operation::SponsorGroup))
        .route("/Redeem/jobs/{job_id}", get(jobs::status))
        .route("/livez", get(ops::alive))
        .route("/readyz", get(ready))
        .method_not_allowed_fallback(async || Refused::about_status(405, "method"))
        .fallback(async || Refused::about_status(404, "path"))
        .with_state(front)
}

async fn ready(
    axum::extract::State(front): axum::extract::State<Arc<Front>>,
) -> Result<&'static str, Refused> {
    if front.gate.is_open() { Ok("ready\n") } else { Err(Refused::of(Code::Unavailable)) }
}

/// Runs until told to stop; then answers what it has taken.
///
/// # Errors
/// When the address can't be bound or the broker's URL can't be read. Outages are waited for.
pub async fn run(
    settings: Settings,
    secrets: Secrets,
    store: PgPool,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let listener = TcpListener::bind(settings.http_addr).await.map_err(|error| {
        anyhow::anyhow!("REDEEMQ_HTTP_ADDR: can't listen on {}: {error}", settings.http_addr)
    })?;
    let tasks = TaskTracker::new();
    // The ways to the broker outlive the server: what was taken is still answered.
    let closing = CancellationToken::new();
    let front = Arc::new(Front {
        gate: Gate::open(&settings, &tasks, &closing)?,
        replies: Replies::open(&settings.amqp_url, &tasks, &closing),
        tokens: Tokens::watch(store.clone(), secrets.clone(), &tasks, &closing),
        secrets,
        store,
        stop: stop.clone(),
    });
    tracing::info!(address = %listener.local_addr()?, "accepting");
    ops::serve(listener, router(front), stop).await?;
    closing.cancel();
    tasks.close();
    let _ = tokio::time::timeout(std::time::Duration::from_secs(2), tasks.wait()).await;
    Ok(())
}
