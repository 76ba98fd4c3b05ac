//! The header `Host`, which HTTP/1.1 demands once: with two of them, a proxy may route by the other one.

use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, Version, header};

/// Whether a request says at most one, readable, host, and as HTTP/1.1 says one.
pub(super) fn is_as_it_must_be(version: Version, headers: &HeaderMap) -> bool {
    let mut hosts = headers.get_all(header::HOST).iter();
    match (hosts.next(), hosts.next()) {
        (None, _) => version < Version::HTTP_11,
        (Some(host), None) => is_host(host),
        (Some(_), Some(_)) => false,
    }
}

/// Empty where the target has no host.
fn is_host(host: &HeaderValue) -> bool {
    let bytes = host.as_bytes();
    bytes.is_empty() || (!bytes.contains(&b'@') && Authority::try_from(bytes).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_host_is_needed_by_http_1_1_and_two_are_never_right() {
        for (hosts, in_1_0, in_1_1) in [
            (&[][..], true, false),
            (&["x"], true, true),
            (&[""], true, true),
            (&["shop.example:8080"], true, true),
            (&["[2001:db8::1]:80"], true, true),
            (&["x", "x"], false, false),
            (&["x", "y"], false, false),
            (&["", ""], false, false),
            (&["user@x"], false, false),
            (&["x, y"], false, false),
            (&["x y"], false, false),
            (&["http://x/"], false, false),
            (&["x/y"], false, false),
        ] {
            let mut headers = HeaderMap::new();
            for host in hosts {
                headers.append(header::HOST, HeaderValue::from_str(host).expect("a value"));
            }
            assert_eq!(is_as_it_must_be(Version::HTTP_10, &headers), in_1_0, "{hosts:?}");
            assert_eq!(is_as_it_must_be(Version::HTTP_11, &headers), in_1_1, "{hosts:?}");
        }
    }
}
