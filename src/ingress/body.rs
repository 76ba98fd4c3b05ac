//! Reads a body, in bounded size and time: JSON, a form, or fields in multipart.

use super::media_type::MediaType;
use super::multipart;
use super::response::Rejection;
use crate::domain::params::Params;
use crate::wire;
use axum::body::{Body, Bytes, to_bytes};
use axum::http::header;
use axum::http::request::Parts;
use std::time::Duration;

/// Longest body, in bytes.
pub const BODY_MAX_BYTES: usize = 16 * 1024;
/// Longest time that a body may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// The parameters of a request's body.
///
/// # Errors
/// 408, 413, 415, or 2302 naming the body or the parameters that are not UTF-8.
pub async fn read(parts: &Parts, body: Body) -> Result<Params, Rejection> {
    let body = receive(body).await?;
    if parts.headers.contains_key(header::CONTENT_ENCODING) {
        return Err(Rejection::invalid_with_status(415, "Content-Encoding")
            .because("bodies are not compressed"));
    }
    let text = parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media = text.map(MediaType::of);
    let (Some(text), Some(media)) = (text, media) else {
        return if body.is_empty() { Ok(Params::default()) } else { Err(unknown_type()) };
    };
    if !media.is_utf8() {
        return Err(
            Rejection::invalid_with_status(415, "Content-Type").because("bodies are in UTF-8")
        );
    }
    match media.essence.as_str() {
        "application/x-www-form-urlencoded" => {
            Params::from_form(&body).map_err(|error| Rejection::not_utf8(&error))
        }
        "application/json" => json(&body),
        "multipart/form-data" => multipart::read(text, body),
        _ => Err(unknown_type()),
    }
}

async fn receive(body: Body) -> Result<Bytes, Rejection> {
    let reading = tokio::time::timeout(BODY_TIMEOUT, to_bytes(body, BODY_MAX_BYTES));
    match reading.await {
        Ok(Ok(body)) => Ok(body),
        Ok(Err(error)) if is_too_long(&error) => {
            Err(Rejection::invalid_with_status(413, "body").because("at most 16384 bytes"))
        }
        Ok(Err(_)) => Err(Rejection::invalid("body").because("it broke off")),
        Err(_) => Err(Rejection::invalid_with_status(408, "body").because("it took too long")),
    }
}

/// What is wrong is told by its place: a body may hold a secret, so nothing of it is quoted.
fn json(body: &[u8]) -> Result<Params, Rejection> {
    serde_json::from_slice(wire::without_bom(body)).map_err(|error| {
        let what = if error.is_data() { "not an object" } else { "not JSON" };
        let place = format!("{what}, at line {} column {}", error.line(), error.column());
        Rejection::invalid("body").because(&place)
    })
}

fn unknown_type() -> Rejection {
    Rejection::invalid_with_status(415, "Content-Type")
        .because("application/json, application/x-www-form-urlencoded or multipart/form-data")
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::form::strategies::not_utf8;
    use axum::http::Request;
    use futures_util::FutureExt as _;
    use proptest::prelude::*;

    fn read_with(headers: &[(&str, &str)], body: impl Into<Body>) -> Result<Params, Rejection> {
        let mut request = Request::builder();
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (parts, ()) = request.body(()).expect("a request").into_parts();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        let reading = async { read(&parts, body.into()).now_or_never().expect("at once") };
        runtime.expect("a runtime").block_on(reading)
    }

    fn status(params: Result<Params, Rejection>) -> Option<u16> {
        params.err().map(|rejection| rejection.status())
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn json_that_is_not_utf8_is_refused_and_nothing_of_it_is_quoted(bytes in not_utf8()) {
            let body = [b"{\"pin_code\":\"", bytes.as_slice(), b"TICKET\"}"].concat();
            let rejection = read_with(&[("content-type", "application/json")], body).expect_err("refused");
            prop_assert_eq!(rejection.status(), 400);
            prop_assert!(!rejection.message().contains("TICKET"), "{}", rejection.message());
        }
    }

    #[test]
    fn a_byte_order_mark_before_json_is_skipped() {
        let json = [("content-type", "application/json")];
        let marked = read_with(&json, "\u{feff}{\"a\":\"b\"}").expect("an object");
        assert_eq!(marked, read_with(&json, "{\"a\":\"b\"}").expect("an object"));
    }

    #[test]
    fn what_is_not_utf8_by_its_headers_is_415_for_each_type() {
        for media in ["application/json", "application/x-www-form-urlencoded"] {
            let body = if media.ends_with("json") { "{}" } else { "" };
            for charset in ["ISO-8859-1", "\"windows-1252\"", "utf-16", "shift_jis", ""] {
                let media = format!("{media}; charset={charset}");
                assert_eq!(
                    status(read_with(&[("content-type", &media)], body)),
                    Some(415),
                    "{media}"
                );
            }
            for encoding in ["gzip", "deflate", "br", "zstd", "aes128gcm"] {
                let headers = [("content-type", media), ("content-encoding", encoding)];
                assert_eq!(status(read_with(&headers, body)), Some(415), "{media} {encoding}");
            }
            assert!(read_with(&[("content-type", media)], body).is_ok());
        }
    }

    #[test]
    fn a_json_body_that_is_refused_is_not_quoted() {
        for body in
            ["\"TICKET\"", "[\"TICKET\"]", "{\"a\":TICKET}", "{\"TICKET\"", "{\"a\":\"TICKET\"} x"]
        {
            let rejection =
                read_with(&[("content-type", "application/json")], body).expect_err(body);
            assert!(!rejection.message().contains("TICKET"), "{}", rejection.message());
            assert!(rejection.message().contains("line 1 column"), "{}", rejection.message());
        }
    }
}
