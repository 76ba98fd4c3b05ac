//! An answer, whatever way it came, brought into one shape: so that all ways can be compared.

use crate::history::{Grant, Heard};
use serde_json::Value;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

/// The answer in a result message.
pub fn of_result(body: &Value) -> Heard {
    heard(body, &body["decided_at"])
}

/// The answer in the envelope of a request that waited.
pub fn of_envelope(body: &Value) -> Heard {
    heard(body, &body["time"])
}

/// The answer in a job's status, if it is decided.
pub fn of_status(body: &Value) -> Option<Heard> {
    let response = &body["response"];
    (response["status"] == "done").then(|| heard(&response["result"], &response["decided_at"]))
}

fn heard(fields: &Value, decided_at: &Value) -> Heard {
    let mut hasher = DefaultHasher::new();
    for name in ["success", "error_code", "message", "response", "refused_by"] {
        fields[name].to_string().hash(&mut hasher);
    }
    decided_at.as_str().hash(&mut hasher);
    let response = &fields["response"];
    let grant = response["events"].as_array().map(|events| Grant {
        units: events.iter().filter_map(|event| event["value"].as_i64()).sum(),
        codes: events
            .iter()
            .filter_map(|event| Some(event["goods_data"]["code"].as_str()?.into()))
            .collect(),
    });
    Heard {
        content: hasher.finish(),
        code: fields["error_code"].as_str().unwrap_or("none").into(),
        grant,
        verified: response["success"] == true,
    }
}
