//! Spans of HTTP requests, by the conventions for HTTP servers. Path, query and headers are no attributes:
//! a caller may write anything into them.

use super::context::SpanContext;
use super::span::{Span, attr};
use super::tracer::Traces;
use opentelemetry::trace::{Span as _, SpanKind, Status};

/// Methods that are shown as they are; a caller may send any text.
const METHODS: [&str; 9] =
    ["CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"];
/// Shown for all others.
const OTHER: &str = "_OTHER";

impl Traces {
    /// A request, at a route if there is one for it.
    pub fn request(&self, method: &str, route: Option<&str>, parent: Option<&SpanContext>) -> Span {
        let method = METHODS.into_iter().find(|known| *known == method).unwrap_or(OTHER);
        let verb = if method == OTHER { "HTTP" } else { method };
        let name = match route {
            Some(route) => format!("{verb} {route}").into(),
            None => verb.into(),
        };
        let mut span = self.span(name, SpanKind::Server, parent);
        span.set_attributes(|| {
            let mut attributes =
                vec![attr("http.request.method", method), attr("url.scheme", "http")];
            attributes.extend(route.map(|route| attr("http.route", route.to_owned())));
            attributes
        });
        span
    }
}

impl Span {
    /// Records the response's status: 5xx is an error.
    pub fn answered(&mut self, status: u16) {
        let Some(span) = self.kept() else { return };
        span.set_attribute(attr("http.response.status_code", i64::from(status)));
        if status >= 500 {
            span.set_attribute(attr("error.type", status.to_string()));
            span.set_status(Status::error(""));
        }
    }
}
