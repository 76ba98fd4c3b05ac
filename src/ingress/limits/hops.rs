//! The network that a request comes from, by way of proxies.

use crate::server::{Network, Peer};
use axum::http::HeaderMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};

const FORWARDED: &str = "x-forwarded-for";

/// The proxies in front of the ingress.
pub(in crate::ingress) struct Hops {
    trusted: usize,
    has_warned: AtomicBool,
}

impl Hops {
    /// This many proxies, each of which appends its caller to `X-Forwarded-For`.
    pub(super) fn trusting(trusted: u8) -> Self {
        Self { trusted: trusted.into(), has_warned: AtomicBool::new(false) }
    }

    /// The caller of the outermost trusted proxy. Anyone can send the header with any content, but trusted proxies
    /// append to it, so only the last entries count. Where those are missing, it is the peer.
    pub(in crate::ingress) fn network(&self, peer: Peer, headers: &HeaderMap) -> Network {
        let peer = Network::of(peer.0.ip());
        if self.trusted == 0 {
            self.warn_of_a_proxy(headers);
            return peer;
        }
        let lines = headers.get_all(FORWARDED).iter().rev();
        let mut entries = lines.flat_map(|line| line.to_str().unwrap_or("").rsplit(','));
        let added = entries.nth(self.trusted - 1);
        added.and_then(address).map_or(peer, Network::of)
    }

    /// Behind a proxy that is not configured, all callers share one limit.
    fn warn_of_a_proxy(&self, headers: &HeaderMap) {
        if headers.contains_key(FORWARDED) && !self.has_warned.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                "a request came with X-Forwarded-For: behind a proxy, set REDEEMQ_TRUSTED_HOPS, or all its callers share one limit"
            );
        }
    }
}

/// Some proxies append the port.
fn address(entry: &str) -> Option<IpAddr> {
    let entry = entry.trim();
    let bare = entry.strip_prefix('[').and_then(|entry| entry.strip_suffix(']')).unwrap_or(entry);
    bare.parse().ok().or_else(|| entry.parse().ok().map(|with_port: SocketAddr| with_port.ip()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap_or_else(|_| panic!("no address: {text}"))
    }

    fn network(trusted: u8, lines: &[&str]) -> Network {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(FORWARDED, HeaderValue::from_str(line).expect("a value"));
        }
        Hops::trusting(trusted).network(Peer(SocketAddr::new(ip("10.0.0.1"), 7)), &headers)
    }

    #[test]
    fn only_what_trusted_proxies_added_is_believed() {
        for (trusted, lines, from) in [
            (0, &["192.0.2.9"][..], "10.0.0.1"),
            (1, &["192.0.2.9"], "192.0.2.9"),
            (1, &["spoofed, 192.0.2.9"], "192.0.2.9"),
            (1, &["6.6.6.6", "192.0.2.9"], "192.0.2.9"),
            (2, &["6.6.6.6, 192.0.2.9, 10.0.0.2"], "192.0.2.9"),
            (2, &["6.6.6.6, 192.0.2.9", "10.0.0.2"], "192.0.2.9"),
            (1, &["192.0.2.9:4711"], "192.0.2.9"),
            (1, &["[2001:db8::1]:4711"], "2001:db8::1"),
            (1, &["[2001:db8::1]"], "2001:db8::1"),
            (1, &["2001:db8::1"], "2001:db8::1"),
            // The proxies did not do as they should.
            (1, &[], "10.0.0.1"),
            (2, &["192.0.2.9"], "10.0.0.1"),
            (1, &["192.0.2.9, unknown"], "10.0.0.1"),
            (1, &[""], "10.0.0.1"),
        ] {
            assert_eq!(network(trusted, lines), Network::of(ip(from)), "{trusted} {lines:?}");
        }
    }
}
