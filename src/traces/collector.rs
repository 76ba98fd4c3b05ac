//! The collector, asked by OTLP over HTTP.

use super::settings::{Settings, TracesError};
use crate::client::Client;
use http_body_util::Full;
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use hyper::{Method, Request, Uri};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::transform::common::tonic::ResourceAttributesWithSchema;
use opentelemetry_proto::transform::trace::tonic::group_spans_by_resource_and_scope;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SpanData;
use percent_encoding::percent_decode_str;
use prost::Message as _;
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

/// Longest answer: it says what was refused.
const ANSWER_MAX: usize = 64 * 1024;

pub(super) struct Collector {
    client: Client,
    uri: Uri,
    headers: HeaderMap,
    resource: ResourceAttributesWithSchema,
}

impl Collector {
    pub(super) fn new(settings: &Settings, resource: &Resource) -> Result<Self, TracesError> {
        let headers = settings.headers.as_ref().map(headers).transpose()?;
        let uri = uri(&settings.endpoint).ok_or(TracesError::Endpoint)?;
        Ok(Self {
            client: Client::to(&uri.to_string())?,
            uri,
            headers: headers.unwrap_or_default(),
            resource: resource.into(),
        })
    }

    /// Whether it has taken them; else why not.
    pub(super) async fn send(&self, spans: Vec<SpanData>) -> Result<(), String> {
        let resource_spans = group_spans_by_resource_and_scope(spans, &self.resource);
        let body = ExportTraceServiceRequest { resource_spans }.encode_to_vec();
        let mut request = Request::new(Full::from(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = self.headers.clone();
        let known = request.headers_mut();
        known.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"));
        known.insert(
            USER_AGENT,
            HeaderValue::from_static(concat!("redeemq/", env!("CARGO_PKG_VERSION"))),
        );
        let answer =
            self.client.ask(request, ANSWER_MAX).await.map_err(|error| error.to_string())?;
        let status = answer.status();
        if status.is_success() { Ok(()) } else { Err(format!("it answered {status}")) }
    }
}

fn uri(endpoint: &SecretString) -> Option<Uri> {
    let mut url = Url::parse(endpoint.expose_secret()).ok()?;
    let is_plain = url.username().is_empty() && url.password().is_none() && url.query().is_none();
    if !is_plain || !["http", "https"].contains(&url.scheme()) {
        return None;
    }
    url.path_segments_mut().ok()?.pop_if_empty().extend(["v1", "traces"]);
    url.as_str().parse().ok()
}

fn headers(list: &SecretString) -> Result<HeaderMap, TracesError> {
    let pairs = list.expose_secret().split(',').map(str::trim).filter(|pair| !pair.is_empty());
    pairs.map(|pair| header(pair).ok_or(TracesError::Headers)).collect()
}

fn header(pair: &str) -> Option<(HeaderName, HeaderValue)> {
    let (name, value) = pair.split_once('=')?;
    let value = percent_decode_str(value.trim()).decode_utf8().ok()?;
    let mut value = HeaderValue::from_str(&value).ok()?;
    value.set_sensitive(true);
    Some((name.trim().parse().ok()?, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traces_have_a_path_of_their_own_below_the_endpoint() {
        for (endpoint, traces) in [
            ("http://host:4318", Some("http://host:4318/v1/traces")),
            ("https://host/otlp/", Some("https://host/otlp/v1/traces")),
            ("host:4318", None),
            ("grpc://host:4317", None),
            ("http://user:password@host:4318", None),
            ("http://host:4318?key=secret", None),
        ] {
            let read = uri(&SecretString::from(endpoint)).map(|uri| uri.to_string());
            assert_eq!(read.as_deref(), traces, "{endpoint}");
        }
    }

    #[test]
    fn headers_are_pairs_and_never_shown() {
        let read = |list: &str| headers(&SecretString::from(list));
        let known = read("x-tenant=west%20coast, api-key=a=b").expect("headers");
        assert_eq!([&known["x-tenant"], &known["api-key"]], ["west coast", "a=b"]);
        assert!(!format!("{known:?}").contains("west"));
        assert!(read("").expect("none").is_empty());
        for bad in ["api-key", "a b=c", "a=%0a", "=c"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
