//! A panic in a handler becomes an answer: 500 with code 0800.

use super::response::Rejection;
use crate::domain::code::Code;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use futures_util::FutureExt as _;
use std::panic::AssertUnwindSafe;

/// Answers 0800 when the handler panics. The connection goes on.
pub async fn catch_panic(request: Request, next: Next) -> Response {
    // State that handlers share, locks included, survives a panic.
    let answering = AssertUnwindSafe(next.run(request)).catch_unwind();
    answering.await.unwrap_or_else(|_panic| {
        tracing::error!("a request handler panicked; answered 0800");
        Rejection::new(Code::Internal).into_response()
    })
}
