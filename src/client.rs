//! HTTP asked of others, over TLS where the URL says so: the broker's management API, a collector of traces.

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use hyper::{Request, Response};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

/// Asks, on connections that are kept for the next time.
#[derive(Clone)]
pub struct Client(hyper_util::client::legacy::Client<HttpsConnector<HttpConnector>, Full<Bytes>>);

/// Why there is no answer, with its causes.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Unanswered(String);

impl Client {
    /// A client.
    ///
    /// # Errors
    /// When this machine knows no certificates to trust.
    pub fn new() -> Result<Self, Unanswered> {
        let connector = HttpsConnectorBuilder::new().with_native_roots().map_err(unanswered)?;
        let connector = connector.https_or_http().enable_http1().build();
        Ok(Self(hyper_util::client::legacy::Client::builder(TokioExecutor::new()).build(connector)))
    }

    /// The answer, whatever its status, with a body of at most so many bytes. How long that may take is
    /// the caller's affair.
    ///
    /// # Errors
    /// When nobody answers, or at too great a length.
    pub async fn ask(
        &self,
        request: Request<Full<Bytes>>,
        bytes_max: usize,
    ) -> Result<Response<Bytes>, Unanswered> {
        let (parts, body) = self.0.request(request).await.map_err(unanswered)?.into_parts();
        let body = Limited::new(body, bytes_max).collect().await;
        let body = body.map_err(|error| Unanswered(error.to_string()))?;
        Ok(Response::from_parts(parts, body.to_bytes()))
    }
}

fn unanswered(error: impl std::error::Error) -> Unanswered {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(deeper) = cause {
        text = format!("{text}: {deeper}");
        cause = deeper.source();
    }
    Unanswered(text)
}
