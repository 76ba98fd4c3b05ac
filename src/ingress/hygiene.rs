//! What holds for every answer, whatever was asked.

use super::answers::Refused;
use crate::domain::code::Code;
use axum::extract::Request;
use axum::http::{HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use futures_util::FutureExt as _;
use std::panic::AssertUnwindSafe;

/// A handler that panics answers 0800; no answer is stored on its way, for it may carry a token or a
/// coupon's code, or taken for anything but what it says it is.
pub async fn keep(request: Request, next: Next) -> Response {
    // Whatever the handler shared, locks among it, is made to outlive a panic.
    let answering = AssertUnwindSafe(next.run(request)).catch_unwind();
    let mut response = answering.await.unwrap_or_else(|_panic| {
        tracing::error!("a request made its handler panic: it is answered 0800");
        Refused::of(Code::Internal).into_response()
    });
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
