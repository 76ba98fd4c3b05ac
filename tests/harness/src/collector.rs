//! A stand-in for a collector: it takes OTLP over HTTP, as a real one does, and keeps all that it gets.

use super::eventually;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::{
    Span as Sent, span::SpanKind, status::StatusCode::Error,
};
use prost::Message as _;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;

/// A span as it was sent, its ids in hexadecimal digits.
#[derive(Debug, Clone)]
pub struct Span {
    pub service: String,
    pub name: String,
    pub kind: SpanKind,
    pub trace: String,
    pub id: String,
    pub parent: String,
    pub state: String,
    pub nanos: u64,
    pub told: BTreeMap<String, String>,
    /// Trace and span of each.
    pub links: Vec<(String, String)>,
    /// The reasons of its events.
    pub events: Vec<String>,
    pub is_error: bool,
}

impl Span {
    pub fn tells(&self, name: &str) -> &str {
        self.told.get(name).map_or("", String::as_str)
    }

    /// As W3C's header has it.
    pub fn traceparent(&self) -> String {
        format!("00-{}-{}-01", self.trace, self.id)
    }

    pub fn place(&self) -> (String, String) {
        (self.trace.clone(), self.id.clone())
    }
}

#[derive(Clone, Default)]
struct Taken {
    spans: Arc<Mutex<Vec<Span>>>,
    headers: Arc<Mutex<HeaderMap>>,
}

pub struct Collector {
    pub url: String,
    taken: Taken,
}

impl Collector {
    pub async fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let taken = Taken::default();
        let router = Router::new().route("/v1/traces", post(take)).with_state(taken.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, taken }
    }

    /// What makes a process send its spans here.
    pub fn named(&self) -> (&str, &str) {
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &self.url)
    }

    pub fn spans(&self) -> Vec<Span> {
        self.taken.spans.lock().expect("spans").clone()
    }

    /// Those of a name.
    pub fn all(&self, name: &str) -> Vec<Span> {
        self.spans().into_iter().filter(|span| span.name == name).collect()
    }

    /// Waits for a span of this name in a trace.
    pub async fn one(&self, trace: &str, name: &str) -> Span {
        let find = || self.all(name).into_iter().find(|span| span.trace == trace);
        eventually(&format!("a span {name}"), async || find().is_some()).await;
        find().expect("found")
    }

    /// A header of the last request.
    pub fn header(&self, name: &str) -> String {
        let headers = self.taken.headers.lock().expect("headers");
        headers.get(name).map_or("", |value| value.to_str().unwrap_or("")).to_owned()
    }
}

async fn take(State(taken): State<Taken>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let Ok(request) = ExportTraceServiceRequest::decode(body) else {
        return StatusCode::BAD_REQUEST;
    };
    *taken.headers.lock().expect("headers") = headers;
    for of_resource in request.resource_spans {
        let resource = told(of_resource.resource.unwrap_or_default().attributes);
        let service = resource.get("service.name").cloned().unwrap_or_default();
        let sent = of_resource.scope_spans.into_iter().flat_map(|scope| scope.spans);
        let spans = sent.map(|sent| read(service.clone(), sent));
        taken.spans.lock().expect("spans").extend(spans);
    }
    StatusCode::OK
}

fn read(service: String, sent: Sent) -> Span {
    let links = sent.links.iter().map(|link| (hex(&link.trace_id), hex(&link.span_id)));
    let events = sent.events.into_iter().map(|event| told(event.attributes));
    Span {
        service,
        kind: sent.kind.try_into().expect("a kind"),
        name: sent.name,
        trace: hex(&sent.trace_id),
        id: hex(&sent.span_id),
        parent: hex(&sent.parent_span_id),
        state: sent.trace_state,
        nanos: sent.end_time_unix_nano.saturating_sub(sent.start_time_unix_nano),
        links: links.collect(),
        events: events.map(|event| event["error.type"].clone()).collect(),
        is_error: sent.status.is_some_and(|status| status.code == Error as i32),
        told: told(sent.attributes),
    }
}

fn told(attributes: Vec<KeyValue>) -> BTreeMap<String, String> {
    let text = |value: Option<AnyValue>| match value.and_then(|value| value.value) {
        Some(Value::StringValue(text)) => text,
        Some(Value::IntValue(number)) => number.to_string(),
        Some(Value::BoolValue(flag)) => flag.to_string(),
        other => panic!("not told so far: {other:?}"),
    };
    attributes.into_iter().map(|pair| (pair.key, text(pair.value))).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
