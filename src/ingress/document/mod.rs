//! The OpenAPI 3.1 document, made of the routes, the table of codes and the types that are written, and a page
//! to read it on. The page needs nothing from any network.

pub(super) mod operations;
mod responses;

use crate::wire::answer::Response as Found;
use crate::wire::envelope::{API_VERSION, Envelope};
use crate::wire::reply::{Queued, Refusal, Status, Token};
use axum::http::{HeaderValue, header};
use axum::response::{Html, IntoResponse, Response};
use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

const PAGE: &str = include_str!("page.html");
/// The page may run its own script and ask this ingress, nothing else.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; connect-src 'self'; frame-ancestors 'none'",
);

/// The document of these routes: path, method in lower case, and operation object of each.
pub(super) fn openapi<'a>(routes: impl Iterator<Item = (&'a str, &'a str, &'a Value)>) -> Value {
    let mut paths = Map::new();
    for (path, method, operation) in routes {
        paths.entry(path).or_insert_with(|| json!({}))[method] = operation.clone();
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "redeemq", "version": API_VERSION, "license": {"name": "MIT", "identifier": "MIT"},
            "description": "Redeems goods, coupon codes and sponsor rewards. Every answer but the probes' \
                is an envelope; programs compare its `error_code`. What was decided is 200 whatever its \
                code, save 3001. Bodies are forms or JSON, at most 16 KiB; no parameter may come twice.",
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {"schemas": schemas(), "securitySchemes": {
            "bearer": {"type": "http", "scheme": "bearer", "description": "the token that /Auth gave"},
            "query": {"type": "apiKey", "in": "query", "name": "token", "description": "the same, for GET"},
        }},
    })
}

/// OpenAPI 3.1 uses JSON Schema 2020-12, with definitions under `components`.
fn schemas() -> Map<String, Value> {
    let settings = SchemaSettings::draft2020_12().for_serialize();
    let mut types: SchemaGenerator =
        settings.with(|s| s.definitions_path = "/components/schemas".into()).into_generator();
    types.subschema_for::<Envelope<'_, Token>>();
    types.subschema_for::<Envelope<'_, Queued<'_>>>();
    types.subschema_for::<Envelope<'_, Status<'_>>>();
    types.subschema_for::<Envelope<'_, Found<'_>>>();
    types.subschema_for::<Envelope<'_, Refusal>>();
    types.take_definitions(true)
}

/// The document as an answer.
pub(super) fn as_json(text: &'static str) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], text).into_response()
}

/// `GET /docs`.
pub(super) async fn page() -> Response {
    ([(header::CONTENT_SECURITY_POLICY, POLICY)], Html(PAGE)).into_response()
}
