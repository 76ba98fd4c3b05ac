//! The documents in `docs/` are those that the code makes. `make documents` writes them anew.

use redeemq::domain::code::Code;
use redeemq::domain::operation::Operation;
use redeemq::{broker, ingress};
use serde_json::Value;
use std::collections::BTreeSet;

fn assert_kept(name: &str, made: &Value) {
    let path = format!("{}/docs/{name}", env!("CARGO_MANIFEST_DIR"));
    let made = serde_json::to_string_pretty(made).expect("JSON") + "\n";
    if std::env::var_os("REDEEMQ_WRITE_DOCUMENTS").is_some() {
        std::fs::write(&path, &made).expect(name);
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    let differs = kept.lines().zip(made.lines()).find(|(kept, made)| kept != made);
    assert!(kept == made, "docs/{name} is not what the code says: `make documents`; {differs:?}");
}

#[test]
fn docs_openapi_json_is_what_the_code_says() {
    assert_kept("openapi.json", &ingress::routes::openapi());
}

#[test]
fn docs_asyncapi_json_is_what_the_code_says() {
    assert_kept("asyncapi.json", &broker::asyncapi::document());
}

#[test]
fn every_route_is_in_the_document_and_nothing_else() {
    let document = ingress::routes::openapi();
    let paths = document["paths"].as_object().expect("paths");
    let told = paths.iter().flat_map(|(path, methods)| {
        let methods = methods.as_object().expect("methods");
        methods.keys().map(move |method| (method.as_str(), path.as_str()))
    });
    let told: BTreeSet<(&str, &str)> = told.collect();
    let routes = ingress::routes::all();
    let there: BTreeSet<(&str, &str)> = routes.iter().map(|r| (r.method, r.path)).collect();
    assert_eq!((told, there.len()), (there, routes.len()));
}

#[test]
fn every_code_is_in_the_documents_and_each_refusal_has_its_status() {
    let document = ingress::routes::openapi();
    let text = document["paths"].to_string();
    for code in Code::ALL.into_iter().filter(|code| code.http_status() != 200) {
        let told = format!("{}: {}", code.as_str(), code.message());
        let statuses = document["paths"].as_object().expect("paths").values();
        let operations = statuses.flat_map(|path| path.as_object().expect("methods").values());
        let mut answers = operations.map(|of| &of["responses"][code.http_status().to_string()]);
        let is_told = answers.any(|a| a["description"].as_str().is_some_and(|d| d.contains(&told)));
        assert!(is_told, "{told} has no status {} in {text}", code.http_status());
    }
    let all = serde_json::json!(Code::ALL.map(Code::as_str));
    let of = |document: &Value, shape: &str| {
        document["components"]["schemas"][shape]["properties"]["error_code"]["enum"].clone()
    };
    assert_eq!(of(&document, "EnvelopeOfFound"), all);
    let messages = broker::asyncapi::document();
    assert_eq!(of(&messages, "Decision"), all);
    let keys = &messages["channels"]["requests"]["parameters"]["operation"]["enum"];
    assert_eq!(*keys, serde_json::json!(Operation::ALL.map(Operation::as_str)));
}
