//! Spans of HTTP requests, by the conventions for HTTP servers. Neither path nor query nor headers are told:
//! a caller may write anything into them.

use super::context::Place;
use super::span::{Span, tells};
use super::tracer::Traces;
use opentelemetry::trace::{Span as _, SpanKind, Status};

/// Methods that are told as they are; any text may be one.
const METHODS: [&str; 9] =
    ["CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"];
/// What all others are told as.
const OTHER: &str = "_OTHER";

impl Traces {
    /// A request, at a route if there is one for it.
    pub fn request(&self, method: &str, route: Option<&str>, parent: Option<&Place>) -> Span {
        let method = METHODS.into_iter().find(|known| *known == method).unwrap_or(OTHER);
        let verb = if method == OTHER { "HTTP" } else { method };
        let name = match route {
            Some(route) => format!("{verb} {route}").into(),
            None => verb.into(),
        };
        let mut span = self.span(name, SpanKind::Server, parent);
        span.tell(|| {
            let mut told = vec![tells("http.request.method", method), tells("url.scheme", "http")];
            told.extend(route.map(|route| tells("http.route", route.to_owned())));
            told
        });
        span
    }
}

impl Span {
    /// Its request was answered with this status: a fault only where it is ours.
    pub fn answered(&mut self, status: u16) {
        let Some(span) = self.kept() else { return };
        span.set_attribute(tells("http.response.status_code", i64::from(status)));
        if status >= 500 {
            span.set_attribute(tells("error.type", status.to_string()));
            span.set_status(Status::error(""));
        }
    }
}
