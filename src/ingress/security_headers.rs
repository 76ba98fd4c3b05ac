//! Headers of every answer.

use axum::http::{HeaderValue, header};
use axum::response::Response;

/// No cache stores an answer, for it may carry a token or a coupon code. No browser takes it for another type.
pub async fn security_headers(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
