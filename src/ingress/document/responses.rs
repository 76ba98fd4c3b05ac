//! The responses of an operation: statuses, headers and codes.

use crate::domain::code::Code;
use serde_json::{Map, Value, json};

/// By status.
#[derive(Default)]
pub(super) struct Responses(Map<String, Value>);

impl Responses {
    /// An envelope around this type.
    pub(super) fn with(mut self, status: u16, of: &str, what: &str, headers: Value) -> Self {
        let answer = json!({
            "description": what, "headers": headers,
            "content": {"application/json": {"schema": envelope(of)}},
        });
        self.0.insert(status.to_string(), answer);
        self
    }

    /// An envelope around one of these types.
    pub(super) fn with_any(self, status: u16, of: &[&str], what: &str, headers: Value) -> Self {
        let mut responses = self.with(status, "", what, headers);
        let any: Vec<Value> = of.iter().map(|of| envelope(of)).collect();
        responses.0[&status.to_string()]["content"]["application/json"]["schema"] =
            json!({"anyOf": any});
        responses
    }

    /// Links the answer of this status to the status route of its job.
    pub(super) fn leading_to_its_job(mut self, status: u16) -> Self {
        let job = json!({"job_id": "$response.body#/response/job_id"});
        self.0[&status.to_string()]["links"] =
            json!({"job": {"operationId": "status", "parameters": job}});
        self
    }

    pub(super) fn text(mut self, media: &str, what: &str) -> Self {
        let content = json!({media: {"schema": {"type": "string"}}});
        self.0.insert("200".to_owned(), json!({"description": what, "content": content}));
        self
    }

    pub(super) fn object(mut self, what: &str) -> Self {
        let content = json!({"application/json": {"schema": {"type": "object"}}});
        self.0.insert("200".to_owned(), json!({"description": what, "content": content}));
        self
    }

    /// Refusals before publishing, each with the status of the table.
    pub(super) fn refused(self, codes: &[Code]) -> Self {
        let statuses = codes.iter().map(|code| (code.http_status(), *code)).collect::<Vec<_>>();
        self.refused_with(&statuses)
    }

    /// Refusals of a body that could not be taken.
    pub(super) fn unread(self) -> Self {
        self.refused_with(&[408, 413, 415].map(|status| (status, Code::InvalidParameter)))
    }

    fn refused_with(mut self, refusals: &[(u16, Code)]) -> Self {
        for (status, _) in refusals {
            let codes: Vec<Code> =
                refusals.iter().filter(|(of, _)| of == status).map(|(_, code)| *code).collect();
            self.0.insert(status.to_string(), refusal(&codes));
        }
        self
    }

    pub(super) fn into_json(self) -> Value {
        Value::Object(self.0)
    }
}

fn envelope(of: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/EnvelopeOf{of}")})
}

fn refusal(codes: &[Code]) -> Value {
    let told: Vec<String> =
        codes.iter().map(|code| format!("{}: {}", code.as_str(), code.message())).collect();
    let digits: Vec<&str> = codes.iter().map(|code| code.as_str()).collect();
    let narrowed = json!({"properties": {"error_code": {"enum": digits}}});
    let mut answer = json!({
        "description": told.join("; "),
        "content": {"application/json": {"schema": {"allOf": [envelope("Refusal"), narrowed]}}},
    });
    if codes.iter().any(|code| matches!(code, Code::Unavailable | Code::TooManyRequests)) {
        answer["headers"] = json!({"Retry-After": {
            "required": true, "schema": {"type": "integer", "minimum": 1},
            "description": "seconds after which to try again, with the same key",
        }});
    }
    answer
}
