//! Every route, with what the document says of it: one that is not described can't be written down.

use super::document::{self, about};
use super::{Front, auth, jobs, ready, redeem};
use crate::domain::operation::Operation;
use crate::server;
use axum::handler::Handler;
use axum::routing::{self, MethodRouter};
use serde_json::Value;
use std::sync::Arc;

/// A method at a path.
pub struct Route {
    /// In lower case.
    pub method: &'static str,
    /// With its parameters in braces.
    pub path: &'static str,
    /// An operation object of OpenAPI.
    pub about: Value,
    /// Whether it is answered however often its caller asks: probes are.
    pub is_free: bool,
    /// What answers.
    pub handler: MethodRouter<Arc<Front>>,
}

impl Route {
    fn get<T: 'static>(
        path: &'static str,
        about: Value,
        handler: impl Handler<T, Arc<Front>>,
    ) -> Self {
        Self { method: "get", path, about, is_free: false, handler: routing::get(handler) }
    }

    fn post<T: 'static>(
        path: &'static str,
        about: Value,
        handler: impl Handler<T, Arc<Front>>,
    ) -> Self {
        Self { method: "post", path, about, is_free: false, handler: routing::post(handler) }
    }

    fn operation(path: &'static str, operation: Operation) -> Self {
        let accept = move |state, request| redeem::accept(operation, state, request);
        Self::post(path, about::operation(operation), accept)
    }

    fn free(self) -> Self {
        Self { is_free: true, ..self }
    }
}

/// All of them.
pub fn all() -> Vec<Route> {
    vec![
        Route::post("/Auth", about::auth(false), auth::token),
        Route::post("/Auth/renew", about::auth(true), auth::renew),
        Route::operation("/Redeem/goods", Operation::Goods),
        Route::operation("/Redeem/goodsGroup", Operation::GoodsGroup),
        Route::operation("/Redeem/goodsGroup/verify", Operation::Verify),
        Route::operation("/Redeem/sponsor", Operation::Sponsor),
        Route::operation("/Redeem/sponsorGroup", Operation::SponsorGroup),
        Route::get("/Redeem/jobs/{job_id}", about::status(), jobs::status),
        Route::get("/openapi.json", about::document(), document::serve),
        Route::get("/docs", about::page(), document::page),
        Route::get("/livez", about::alive(), server::alive).free(),
        Route::get("/readyz", about::ready(), ready).free(),
    ]
}
