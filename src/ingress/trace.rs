//! The span of a request, which continues its caller's trace.

use crate::traces::{SpanContext, TRACEPARENT, TRACESTATE, Traces};
use axum::extract::{MatchedPath, Request, State};
use axum::http::HeaderMap;
use axum::middleware::Next;
use axum::response::Response;

/// Begins the span and ends it with the answer. Handlers find its context among the request's extensions.
pub(super) async fn trace_request(
    State(traces): State<Traces>,
    mut request: Request,
    next: Next,
) -> Response {
    let route = request.extensions().get::<MatchedPath>();
    let from = span_context(request.headers());
    let method = request.method().as_str();
    let mut span = traces.request(method, route.map(MatchedPath::as_str), from.as_ref());
    if let Some(context) = span.context() {
        request.extensions_mut().insert(context);
    }
    let response = next.run(request).await;
    span.answered(response.status().as_u16());
    response
}

fn span_context(headers: &HeaderMap) -> Option<SpanContext> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    SpanContext::read(text(TRACEPARENT)?, text(TRACESTATE))
}
