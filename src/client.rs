//! HTTP asked of others, over TLS where the URL says so: the broker's management API, a collector of traces.

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use hyper::{Request, Response};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

/// Asks one server, on connections that are kept for the next time.
#[derive(Clone)]
pub enum Client {
    Plain(Connections<HttpConnector>),
    Tls(Connections<HttpsConnector<HttpConnector>>),
}

type Connections<C> = hyper_util::client::legacy::Client<C, Full<Bytes>>;

/// Why there is no answer, with its causes.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Unanswered(String);

impl Client {
    /// A client for the server of this URL. Certificates to trust are read for `https` alone: a machine
    /// without any can ask over `http`.
    ///
    /// # Errors
    /// When it is `https`, and this machine knows no certificates to trust.
    pub fn to(url: &str) -> Result<Self, Unanswered> {
        let scheme = url.split_once("://").map_or("", |(scheme, _)| scheme);
        let builder = hyper_util::client::legacy::Client::builder(TokioExecutor::new());
        if !scheme.eq_ignore_ascii_case("https") {
            return Ok(Self::Plain(builder.build_http()));
        }
        let connector = HttpsConnectorBuilder::new().with_native_roots().map_err(unanswered)?;
        Ok(Self::Tls(builder.build(connector.https_only().enable_http1().build())))
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
        let answering = match self {
            Self::Plain(client) => client.request(request),
            Self::Tls(client) => client.request(request),
        };
        let (parts, body) = answering.await.map_err(unanswered)?.into_parts();
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
