//! Reading a request: bounded, in time, as form or JSON.

use super::headers;
use super::response::Rejection;
use crate::domain::params::{Given, Params};
use axum::body::{Body, to_bytes};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, header};
use std::time::Duration;

/// Longest body, in bytes.
pub const BODY_MAX_BYTES: usize = 16 * 1024;
/// Longest time that a body may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// The parameters of a request's body.
///
/// # Errors
/// 413, 415, or 2302 naming the body.
pub async fn read(parts: &Parts, body: Body) -> Result<Params, Rejection> {
    let reading = tokio::time::timeout(BODY_TIMEOUT, to_bytes(body, BODY_MAX_BYTES));
    let body = match reading.await {
        Ok(Ok(body)) => body,
        Ok(Err(error)) if is_too_long(&error) => {
            return Err(Rejection::invalid_with_status(413, "body").because("at most 16384 bytes"));
        }
        Ok(Err(_)) => return Err(Rejection::invalid("body").because("it broke off")),
        Err(_) => {
            return Err(Rejection::invalid_with_status(408, "body").because("it took too long"));
        }
    };
    match media_type(&parts.headers) {
        Some(media) if media == "application/x-www-form-urlencoded" => Ok(Params::from_form(&body)),
        Some(media) if media == "application/json" => serde_json::from_slice(&body)
            .map_err(|error| Rejection::invalid("body").because(&error.to_string())),
        None if body.is_empty() => Ok(Params::default()),
        _ => Err(Rejection::invalid_with_status(415, "Content-Type")
            .because("application/json or application/x-www-form-urlencoded")),
    }
}

/// The token: a parameter, else a header, else (for GET) a query parameter.
///
/// # Errors
/// 2302 when the parameter is no text.
pub fn token(parts: &Parts, params: &Params) -> Result<Option<String>, Rejection> {
    let given = |params: &Params| match params.text("token") {
        Given::Good(token) => Ok(Some(token.to_owned())),
        Given::Missing => Ok(None),
        Given::Unacceptable => Err(Rejection::invalid("token")),
    };
    if let Some(token) = given(params)? {
        return Ok(Some(token));
    }
    match headers::bearer(&parts.headers) {
        Some(token) => Ok(Some(token.to_owned())),
        None if parts.method == Method::GET => {
            given(&Params::from_form(parts.uri.query().unwrap_or_default().as_bytes()))
        }
        None => Ok(None),
    }
}

fn media_type(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    Some(value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
}

fn is_too_long(error: &axum::Error) -> bool {
    let mut source: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = source {
        if error.to_string().contains("length limit exceeded") {
            return true;
        }
        source = error.source();
    }
    false
}
