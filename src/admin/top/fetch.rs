//! Where processes tell their metrics, and how to ask them.

use super::page::Page;
use super::words;
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::Uri;
use hyper::body::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use std::error::Error;
use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

/// A page has some 100 KiB, with a hundred watched goods and 64 lanes.
const PAGE_MAX: usize = 8 * 1024 * 1024;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    name: String,
    uri: Uri,
}

impl Endpoint {
    /// Reads `HOST:PORT`; a scheme and a path may stand around it.
    ///
    /// # Errors
    /// For people.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let bare = text.strip_prefix("http://").unwrap_or(text);
        let (name, path) = bare.split_once('/').unwrap_or((bare, ""));
        let path = if path.is_empty() { "metrics" } else { path };
        let uri = format!("http://{name}/{path}").parse::<Uri>().ok();
        let uri = uri.filter(|uri| {
            uri.host().is_some_and(|host| !host.is_empty()) && uri.port_u16() > Some(0)
        });
        let uri = uri.ok_or("it must be HOST:PORT, as in 127.0.0.1:9464")?;
        Ok(Self { name: name.to_owned(), uri })
    }
}

impl From<SocketAddr> for Endpoint {
    fn from(address: SocketAddr) -> Self {
        let name = address.to_string();
        let uri = Uri::builder().scheme("http").authority(name.as_str()).path_and_query("/metrics");
        Self { name, uri: uri.build().unwrap_or_default() }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// Asks endpoints, on connections that it keeps.
#[derive(Clone)]
pub(super) struct Fetcher(Client<HttpConnector, Empty<Bytes>>);

impl Fetcher {
    pub(super) fn new() -> Self {
        Self(Client::builder(TokioExecutor::new()).build_http())
    }

    /// A page, or why there is none.
    pub(super) async fn fetch(
        &self,
        endpoint: &Endpoint,
        within: Duration,
    ) -> Result<Page, String> {
        let answer = tokio::time::timeout(within, self.ask(endpoint.uri.clone())).await;
        answer.unwrap_or_else(|_| Err(format!("no answer within {} s", within.as_secs())))
    }

    async fn ask(&self, uri: Uri) -> Result<Page, String> {
        let answer = self.0.get(uri).await.map_err(|error| innermost(&error))?;
        if !answer.status().is_success() {
            return Err(format!("it responds {}", answer.status()));
        }
        let body = Limited::new(answer.into_body(), PAGE_MAX).collect().await;
        let body = body.map_err(|error| error.to_string())?.to_bytes();
        let page = std::str::from_utf8(&body).ok().and_then(Page::parse);
        page.filter(Page::is_ours).ok_or_else(|| "it is not a redeemq process".to_owned())
    }
}

/// The cause of all the others.
fn innermost(error: &dyn Error) -> String {
    let mut cause = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    words::reason(&cause.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_be_written_as_a_url() {
        for text in ["h:9464", "http://h:9464", "http://h:9464/", "h:9464/metrics"] {
            let endpoint = Endpoint::parse(text).expect(text);
            assert_eq!(endpoint.to_string(), "h:9464", "{text}");
            assert_eq!(endpoint.uri, "http://h:9464/metrics", "{text}");
        }
        assert_eq!(Endpoint::parse("[::1]:9464").expect("IPv6").to_string(), "[::1]:9464");
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in ["", "h", "h:", "h:x", "h:0", "https://h:9464", "h h:1", ":9464"] {
            assert!(Endpoint::parse(text).is_err(), "{text}");
        }
    }
}
