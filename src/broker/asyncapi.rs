//! The messages' description in AsyncAPI 3.0, made of the topology and the types that are written.

use crate::broker::headers::{ATTEMPTS, DEAD_AT, REASON, REPLAYED};
use crate::broker::topology::{DEAD, REPLY_PREFIX, REQUESTS, RESULTS};
use crate::domain::operation::Operation;
use crate::traces::{TRACEPARENT, TRACESTATE};
use crate::wire::answer::{Body, Notice};
use crate::wire::envelope::API_VERSION;
use crate::wire::request::Written;
use crate::wire::schema;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

/// The document.
pub fn document() -> Value {
    let operations = Operation::ALL.map(Operation::as_str);
    let parameter = json!({"enum": operations, "description": "the operation"});
    let client = json!({"description": "whose result it is"});
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "redeemq", "version": API_VERSION, "license": {"name": "MIT"},
            "description": "Jobs of trusted publishers, and the results of all jobs. Messages are \
                persistent, with `message_id` (the job id), `correlation_id`, `type` (the operation) and \
                `content_type`. A request may name a queue in `reply_to` that begins with \
                `redeem.reply.`, or the broker's direct reply-to: the result goes there as well.",
        },
        "defaultContentType": "application/json",
        "channels": {
            "requests": channel("{operation}", REQUESTS, &json!({"operation": parameter}), &requests()),
            "results": channel(
                "{client_id}.{operation}", RESULTS,
                &json!({"client_id": client, "operation": parameter}), &references(&["decision", "notice"]),
            ),
            "replies": {
                "address": format!("{REPLY_PREFIX}{{name}}"),
                "description": "queues that requests named in reply_to",
                "parameters": {"name": {"description": "of the caller's choice"}},
                "messages": references(&["decision", "notice"]),
            },
            "dead": {
                "address": DEAD, "description": "what could not become a decision, as it came",
                "messages": references(&["dead"]),
                "bindings": {"amqp": {"is": "queue", "queue": {"name": DEAD, "durable": true}}},
            },
        },
        "operations": {
            "take": operation("receive", "requests", "Decide a job"),
            "tell": operation("send", "results", "Tell a decision, or that a job is dead"),
            "reply": operation("send", "replies", "The same to callers who asked for a copy"),
            "dead_letter": operation("send", "dead", "Put aside what can't be decided"),
        },
        "components": {"messages": messages(), "schemas": schemas()},
    })
}

fn channel(address: &str, exchange: &str, parameters: &Value, messages: &Value) -> Value {
    json!({
        "address": address, "parameters": parameters, "messages": messages,
        "bindings": {"amqp": {
            "is": "routingKey", "exchange": {"name": exchange, "type": "topic", "durable": true},
        }},
    })
}

fn operation(action: &str, channel: &str, summary: &str) -> Value {
    let channel = json!({"$ref": format!("#/channels/{channel}")});
    json!({"action": action, "summary": summary, "channel": channel})
}

fn references(names: &[&str]) -> Value {
    let to = |name: &&str| json!({"$ref": format!("#/components/messages/{name}")});
    Value::Object(names.iter().map(|name| ((*name).to_owned(), to(name))).collect())
}

fn requests() -> Value {
    references(&Operation::ALL.map(Operation::as_str))
}

fn messages() -> Value {
    let mut all = Map::new();
    for of in Operation::ALL {
        let name = of.as_str();
        let params = schema::travelling(of);
        let narrowed = json!({"properties": {"operation": {"const": name}, "params": params}});
        let payload = json!({"allOf": [{"$ref": "#/components/schemas/Request"}, narrowed]});
        all.insert(name.to_owned(), message(&format!("A job: {name}"), &payload, &[]));
    }
    let repeated = (REPLAYED, "boolean", "true on a repeat: never filter on it");
    let reference = |name| json!({"$ref": format!("#/components/schemas/{name}")});
    let decision = message("A decision", &reference("Decision"), &[repeated]);
    all.insert("decision".to_owned(), decision);
    let notice = message("A job is dead", &reference("DeadNotice"), &[]);
    all.insert("notice".to_owned(), notice);
    let headers = [
        (REASON, "string", "why"),
        (DEAD_AT, "string", "when, in RFC 3339"),
        (ATTEMPTS, "integer", "deliveries, the last one included"),
    ];
    all.insert("dead".to_owned(), message("A dead letter", &json!({}), &headers));
    Value::Object(all)
}

fn message(title: &str, payload: &Value, headers: &[(&str, &str, &str)]) -> Value {
    let of = |kind, what| json!({"type": kind, "description": what});
    let mut all: Map<String, Value> =
        headers.iter().map(|(name, kind, what)| ((*name).to_owned(), of(*kind, *what))).collect();
    let place =
        "W3C's place in a trace, up to 255 bytes: what follows from the message continues there";
    all.insert(TRACEPARENT.to_owned(), of("string", place));
    all.insert(TRACESTATE.to_owned(), of("string", "goes with it, up to 512 bytes"));
    json!({"title": title, "payload": payload, "headers": {"type": "object", "properties": all}})
}

/// AsyncAPI reads draft 7.
fn schemas() -> Map<String, Value> {
    let settings = SchemaSettings::draft07().for_serialize();
    let mut types =
        settings.with(|s| s.definitions_path = "/components/schemas".into()).into_generator();
    types.subschema_for::<Written<'_>>();
    types.subschema_for::<Body<'_>>();
    types.subschema_for::<Notice<'_>>();
    types.take_definitions(true)
}
