//! The operation object of each route.

use super::responses::Responses;
use crate::domain::code::Code;
use crate::domain::operation::Operation;
use crate::wire::schema;
use serde_json::{Value, json};

/// Codes of every route that have nothing to do with the request.
const COMMON: [Code; 3] = [Code::TooManyRequests, Code::Internal, Code::Unavailable];

/// One of the five operations.
pub(in crate::ingress) fn redeem(operation: Operation) -> Value {
    let mut codes = vec![
        Code::MissingParameter,
        Code::InvalidParameter,
        Code::InvalidToken,
        Code::TokenRequired,
        Code::ClientDisabled,
        Code::KeyReused,
    ];
    let names = schema::names(operation);
    if names.contains(&"goods_id") {
        codes.push(Code::InvalidGoodsId);
    }
    codes.extend(COMMON);
    let responses = Responses::default()
        .with_any(200, &["Found", "Queued", "Refusal"], &decision(), applied())
        .with(202, "Queued", "The broker has the job", json!({"Location": {
            "required": true, "schema": {"type": "string"}, "description": "where to ask what became of it",
        }}))
        .leading_to_its_job(202)
        .unread()
        .refused(&codes);
    let mut params = schema::params(operation);
    params["properties"]["token"] = json!({"type": ["string", "null"], "description": "in place of Authorization; it comes first"});
    json!({
        "operationId": operation.as_str(), "summary": summary(operation), "tags": ["Redeem"],
        "description": "Of a synchronous client, an absent or empty amount is 1.",
        "parameters": [key(), prefer(), correlation(), api_key()],
        "security": [{"bearer": []}, {}],
        "requestBody": body(&params, &example(operation)),
        "responses": responses.into_json(),
    })
}

fn summary(operation: Operation) -> &'static str {
    match operation {
        Operation::Goods => "Redeem units of one of the client's goods",
        Operation::GoodsGroup => "Redeem codes of one of the client's groups",
        Operation::Verify => "Check a coupon at a merchant's, and use it up",
        Operation::Sponsor => "Redeem units of sponsored goods",
        Operation::SponsorGroup => "Redeem codes of a sponsored group",
    }
}

/// The names are those of the sample catalogue.
fn example(operation: Operation) -> Value {
    match operation {
        Operation::Goods => json!({"goods_id": "espresso", "player_id": "alice", "amount": 1}),
        Operation::GoodsGroup => {
            json!({"group": "cinema-tickets", "player_id": "alice", "amount": 1})
        }
        Operation::Verify => json!({
            "goods_group": "cinema-tickets", "coupon_code": "CIN-WK3D-EGZD", "pin_code": "a1B2c3D",
        }),
        Operation::Sponsor => json!({"goods_id": "cola", "player_id": "alice", "amount": 1}),
        Operation::SponsorGroup => {
            json!({"group": "streaming-codes", "player_id": "alice", "amount": 1})
        }
    }
}

/// `/Auth`, or `/Auth/renew`.
pub(in crate::ingress) fn auth(renew: bool) -> Value {
    let (id, summary) = match renew {
        true => ("renew", "A new token; earlier ones are void"),
        false => ("auth", "The client's token: an unexpired one is handed out again"),
    };
    let params = json!({
        "type": "object", "required": ["api_key", "api_secret"],
        "properties": {"api_key": schema::id(), "api_secret": {"type": "string", "pattern": r"\S"}},
    });
    let mut codes = vec![
        Code::MissingParameter,
        Code::InvalidParameter,
        Code::BadCredentials,
        Code::ClientDisabled,
    ];
    codes.extend(COMMON);
    let responses =
        Responses::default().with(200, "Token", "A token", json!({})).unread().refused(&codes);
    json!({
        "operationId": id, "summary": summary, "tags": ["Auth"], "security": [],
        "requestBody": body(&params, &json!({"api_key": "4b7f0c2e91d5a863", "api_secret": "shown-once-when-made"})),
        "responses": responses.into_json(),
    })
}

pub(in crate::ingress) fn status() -> Value {
    let mut codes = vec![
        Code::InvalidParameter,
        Code::InvalidToken,
        Code::TokenRequired,
        Code::ClientDisabled,
        Code::UnknownJob,
    ];
    codes.extend(COMMON);
    let id = json!({
        "name": "job_id", "in": "path", "required": true, "description": "as 202 told it",
        "schema": {"type": "string", "minLength": 1, "maxLength": 64, "pattern": "^[A-Za-z0-9_-]+$"},
    });
    let what = "Queued, done with its result, or dead: undecided, and an operator decides";
    let responses = Responses::default().with(200, "Status", what, applied()).refused(&codes);
    json!({
        "operationId": "status", "summary": "What became of a job", "tags": ["Redeem"],
        "parameters": [id, prefer()],
        "security": [{"bearer": []}, {"query": []}],
        "responses": responses.into_json(),
    })
}

pub(in crate::ingress) fn document() -> Value {
    let responses = Responses::default().object("This document, in OpenAPI 3.1");
    plain("document", "This document", responses.refused(&COMMON))
}

pub(in crate::ingress) fn page() -> Value {
    let responses =
        Responses::default().text("text/html; charset=utf-8", "A page that shows this document");
    plain("page", "This document, to read", responses.refused(&COMMON))
}

/// `/livez`.
pub(in crate::ingress) fn alive() -> Value {
    let responses = Responses::default().text("text/plain; charset=utf-8", "It responds");
    plain("alive", "Whether the process responds", responses.refused(&[Code::Internal]))
}

/// `/readyz`.
pub(in crate::ingress) fn ready() -> Value {
    let responses = Responses::default().text("text/plain; charset=utf-8", "It takes requests");
    plain(
        "ready",
        "Whether the broker takes requests",
        responses.refused(&[Code::Internal, Code::Unavailable]),
    )
}

fn plain(id: &str, summary: &str, responses: Responses) -> Value {
    json!({
        "operationId": id, "summary": summary, "tags": ["Operation"], "security": [],
        "responses": responses.into_json(),
    })
}

fn body(params: &Value, example: &Value) -> Value {
    let content = json!({"schema": params, "example": example});
    // Other names are ignored in a form and in JSON. In multipart not every name can be written.
    let mut multipart = content.clone();
    multipart["schema"]["additionalProperties"] = false.into();
    json!({"required": true, "content": {
        "application/x-www-form-urlencoded": content, "multipart/form-data": multipart,
        "application/json": content,
    }})
}

fn header(name: &str, schema: &Value, what: &str) -> Value {
    json!({"name": name, "in": "header", "description": what, "schema": schema})
}

fn visible() -> Value {
    json!({"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"})
}

fn key() -> Value {
    let what = "The same key is the same job, for ever, with the same answer to the last byte. Send one \
                with everything that you may have to retry.";
    header("Idempotency-Key", &visible(), what)
}

fn correlation() -> Value {
    header("X-Correlation-Id", &visible(), "Becomes the `correlation_id` of the messages")
}

fn prefer() -> Value {
    let what = "`wait=N`: wait up to N seconds (at most 30) for the decision. `respond-async`: be answered \
                202, as a synchronous client too. What can't be read is no preference.";
    let mut header = header("Prefer", &json!({"type": "string"}), what);
    header["example"] = json!("wait=5");
    header
}

fn decision() -> String {
    let late = Code::Undecided;
    format!(
        "The decision, whatever its code, where the caller waited and it came in time. A synchronous client \
         gets status 200 with every code: those of refusals, and {}: {}",
        late.as_str(),
        late.message()
    )
}

fn api_key() -> Value {
    json!({
        "name": "api_key", "in": "query", "schema": {"type": "string"},
        "description": "Says whose request it is, and so how it is answered, where the token doesn't",
    })
}

fn applied() -> Value {
    json!({"Preference-Applied": {"schema": {"type": "string"}, "description": "`wait=N`, where it was"}})
}
