//! The request headers that the contract knows.

use super::response::Rejection;
use crate::domain::params::Params;
use axum::http::{HeaderMap, HeaderValue, Uri, header};
use std::time::Duration;

/// Longest `Prefer: wait`.
const WAIT_MAX_SECONDS: u64 = 30;
/// Longest key or correlation id, in characters: what fits an AMQP short string.
const VISIBLE_MAX: usize = 255;

/// A header of 1 to 255 visible ASCII characters.
///
/// # Errors
/// 2302 naming the header.
pub fn visible<'a>(
    headers: &'a HeaderMap,
    name: &'static str,
) -> Result<Option<&'a str>, Rejection> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let text = value.to_str().unwrap_or_default();
    let fits =
        (1..=VISIBLE_MAX).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
    if fits && values.next().is_none() {
        Ok(Some(text))
    } else {
        Err(Rejection::invalid(name).because("1 to 255 visible ASCII characters, once"))
    }
}

/// The bearer token.
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    bearer_in(headers.get(header::AUTHORIZATION)?)
}

/// The bearer token in this value of `Authorization`.
pub(super) fn bearer_in(authorization: &HeaderValue) -> Option<&str> {
    let (scheme, token) = authorization.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

/// The parameters of the URL; none when they are not UTF-8.
pub(super) fn query(uri: &Uri) -> Params {
    uri.query().and_then(|query| Params::from_form(query.as_bytes()).ok()).unwrap_or_default()
}

/// Whether the caller prefers 202 to a wait (`respond-async`, RFC 7240).
pub(super) fn prefers_async(headers: &HeaderMap) -> bool {
    preferences(headers).any(|preference| preference.trim().eq_ignore_ascii_case("respond-async"))
}

/// How long the caller prefers to wait, at most 30 s. An unreadable preference is none (RFC 7240).
pub fn wait(headers: &HeaderMap) -> Option<Duration> {
    let seconds = preferences(headers).filter_map(|preference| {
        let (name, value) = preference.trim().split_once('=')?;
        let value = value.trim().trim_matches('"');
        name.trim().eq_ignore_ascii_case("wait").then(|| value.parse::<u64>().ok())?
    });
    seconds.take(1).next().filter(|s| *s > 0).map(|s| Duration::from_secs(s.min(WAIT_MAX_SECONDS)))
}

fn preferences(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let lines = headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok());
    lines.flat_map(|line| line.split([',', ';']))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &'static str, values: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(name, HeaderValue::from_str(value).expect("a header value"));
        }
        headers
    }

    #[test]
    fn a_wait_is_found_among_other_preferences_and_bounded() {
        for (values, seconds) in [
            (vec!["wait=5"], Some(5)),
            (vec!["respond-async, wait=100"], Some(30)),
            (vec!["handling=lenient", "Wait = \"2\""], Some(2)),
            (vec!["wait=0"], None),
            (vec!["wait=soon"], None),
            (vec!["return=minimal"], None),
        ] {
            let found = wait(&headers("prefer", &values));
            assert_eq!(found, seconds.map(Duration::from_secs), "{values:?}");
        }
    }

    #[test]
    fn respond_async_is_found_among_other_preferences() {
        let prefers = |values: &[&str]| prefers_async(&headers("prefer", values));
        assert!(prefers(&["respond-async"]) && prefers(&["wait=5, Respond-Async"]));
        assert!(prefers(&["wait=5", "respond-async"]));
        assert!(!prefers(&[]) && !prefers(&["wait=5"]) && !prefers(&["respond-asynchronously"]));
    }

    #[test]
    fn a_key_is_1_to_255_visible_characters_once() {
        let key = |values: &[&str]| {
            visible(&headers("idempotency-key", values), "idempotency-key").map(|v| v.map(str::len))
        };
        assert!(matches!(key(&[]), Ok(None)));
        assert!(matches!(key(&["k"]), Ok(Some(1))));
        assert!(matches!(key(&[&"k".repeat(255)]), Ok(Some(255))));
        for bad in [&["k".repeat(256).as_str()][..], &["a b"], &[""], &["a", "b"], &["\u{e9}"]] {
            assert!(key(bad).is_err(), "{bad:?}");
        }
    }
}
