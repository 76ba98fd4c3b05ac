//! Every route, with its description in the OpenAPI document: a route can't be written without one.

use super::cors::CorsOrigins;
use super::document::{self, operations};
use super::limits::{self, Limits};
use super::response::Rejection;
use super::state::AppState;
use super::{answers, auth, catch_panic, jobs, redeem, security_headers, trace};
use crate::domain::code::Code;
use crate::domain::operation::Operation;
use crate::server;
use axum::Router;
use axum::extract::State;
use axum::handler::Handler;
use axum::middleware::{from_fn, from_fn_with_state, map_response};
use axum::response::Response;
use axum::routing::{self, MethodRouter};
use serde_json::Value;
use std::sync::{Arc, LazyLock};

static OPENAPI: LazyLock<String> = LazyLock::new(|| openapi().to_string());

/// A method at a path.
pub struct Route {
    /// In lower case.
    pub method: &'static str,
    /// With its parameters in braces.
    pub path: &'static str,
    /// An operation object of OpenAPI.
    operation: Value,
    /// Whether requests are never counted against a rate limit: probes are not.
    is_unlimited: bool,
    handler: MethodRouter<Arc<AppState>>,
}

impl Route {
    fn get<T: 'static>(
        path: &'static str,
        operation: Value,
        handler: impl Handler<T, Arc<AppState>>,
    ) -> Self {
        let handler = routing::get(handler);
        Self { method: "get", path, operation, is_unlimited: false, handler }
    }

    fn post<T: 'static>(
        path: &'static str,
        operation: Value,
        handler: impl Handler<T, Arc<AppState>>,
    ) -> Self {
        let handler = routing::post(handler);
        Self { method: "post", path, operation, is_unlimited: false, handler }
    }

    fn redeem(path: &'static str, operation: Operation) -> Self {
        let accept = move |state, request| redeem::accept(operation, state, request);
        Self::post(path, operations::redeem(operation), accept)
    }

    fn unlimited(self) -> Self {
        Self { is_unlimited: true, ..self }
    }
}

/// All routes.
pub fn all() -> Vec<Route> {
    vec![
        Route::post("/Auth", operations::auth(false), auth::token),
        Route::post("/Auth/renew", operations::auth(true), auth::renew),
        Route::redeem("/Redeem/goods", Operation::Goods),
        Route::redeem("/Redeem/goodsGroup", Operation::GoodsGroup),
        Route::redeem("/Redeem/goodsGroup/verify", Operation::Verify),
        Route::redeem("/Redeem/sponsor", Operation::Sponsor),
        Route::redeem("/Redeem/sponsorGroup", Operation::SponsorGroup),
        Route::get("/Redeem/jobs/{job_id}", operations::status(), jobs::status),
        Route::get("/openapi.json", operations::document(), openapi_json),
        Route::get("/docs", operations::page(), document::page),
        Route::get("/livez", operations::alive(), server::alive).unlimited(),
        Route::get("/readyz", operations::ready(), ready).unlimited(),
    ]
}

/// The OpenAPI document of all routes.
pub fn openapi() -> Value {
    let routes = all();
    document::openapi(routes.iter().map(|route| (route.path, route.method, &route.operation)))
}

/// All routes with what holds for each of them.
pub(super) fn router(state: Arc<AppState>, cors: Option<&CorsOrigins>) -> Router {
    let (unlimited, limited): (Vec<Route>, Vec<Route>) =
        all().into_iter().partition(|route| route.is_unlimited);
    let mut limited = join(limited).fallback(async || Rejection::invalid_with_status(404, "path"));
    if state.limits.count_addresses() {
        let limits: Arc<Limits> = Arc::clone(&state.limits);
        limited = limited.layer(from_fn_with_state(limits, limits::of_address));
    }
    let mut limited = answered(limited, &state, cors);
    if state.traces.are_on() {
        limited = limited.layer(from_fn_with_state(state.traces.clone(), trace::trace_request));
    }
    plain(join(unlimited)).merge(limited).with_state(state)
}

/// The routes of connections beyond the bound. The process lives, but is not ready.
pub(super) fn too_many_connections(state: Arc<AppState>, cors: Option<&CorsOrigins>) -> Router {
    let rejection = async || Rejection::new(Code::Unavailable).because("too many connections");
    let refused = answered(Router::new().fallback(rejection), &state, cors);
    plain(Router::new().route("/livez", routing::get(server::alive))).merge(refused)
}

/// For what is no request of HTTP/1.1. Its status is 400 for every client: nobody can tell whose it is.
pub(super) fn malformed() -> Router {
    let rejection = async || {
        let reason = "exactly one, of a host with an optional port";
        Rejection::invalid("Host").because(reason)
    };
    plain(Router::new().fallback(rejection))
}

fn join(routes: Vec<Route>) -> Router<Arc<AppState>> {
    let add = |router: Router<_>, route: Route| router.route(route.path, route.handler);
    routes.into_iter().fold(Router::new(), add).method_not_allowed_fallback(wrong_method)
}

/// What holds for the answers of probes.
fn plain<S: Clone + Send + Sync + 'static>(router: Router<S>) -> Router<S> {
    router
        .layer(from_fn(catch_panic::catch_panic))
        .layer(map_response(security_headers::security_headers))
}

/// What holds for every answer but those of probes: the status that its client expects, and the origins of web pages.
fn answered<S: Clone + Send + Sync + 'static>(
    router: Router<S>,
    state: &Arc<AppState>,
    cors: Option<&CorsOrigins>,
) -> Router<S> {
    let status = from_fn_with_state(Arc::clone(state), answers::status_for_client);
    let router = router.layer(from_fn(catch_panic::catch_panic)).layer(status);
    let router = match cors {
        Some(origins) => router.layer(origins.layer()),
        None => router,
    };
    router.layer(map_response(security_headers::security_headers))
}

async fn wrong_method() -> Rejection {
    Rejection::invalid_with_status(405, "method")
}

async fn ready(State(state): State<Arc<AppState>>) -> Result<&'static str, Rejection> {
    match state.publisher.is_open() {
        true => Ok("ready\n"),
        false => Err(Rejection::new(Code::Unavailable)),
    }
}

/// `GET /openapi.json`.
async fn openapi_json() -> Response {
    document::as_json(&OPENAPI)
}
