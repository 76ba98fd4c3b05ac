//! Schemas of what types alone don't tell: closed lists, and the parameters of an operation.

use super::VERSION;
use crate::domain::code::Code;
use crate::domain::goods::AMOUNT_MAX;
use crate::domain::id::{ClientId, ID_MAX_BYTES};
use crate::domain::operation::Operation;
use crate::domain::outcome::Refusal;
use crate::domain::params::Params;
use crate::domain::request::{PIN_HASHES_MAX, Request};
use schemars::{Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value, json};

/// The four digits, one of the table.
pub fn code(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "enum": Code::ALL.map(Code::as_str)})
}

/// The version of messages.
pub fn version(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"const": VERSION})
}

/// The name of an operation.
pub fn operation(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "enum": Operation::ALL.map(Operation::as_str)})
}

/// The same, or null.
pub fn operation_or_none(_: &mut SchemaGenerator) -> Schema {
    let mut names: Vec<Value> = Operation::ALL.map(|operation| operation.as_str().into()).into();
    names.push(Value::Null);
    json_schema!({"type": ["string", "null"], "enum": names})
}

/// An object of whatever.
pub fn any_object(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "object"})
}

/// The names that an operation requires: those that it misses in an empty request.
pub fn names(operation: Operation) -> Vec<&'static str> {
    let nobody = ClientId::trusted(String::new());
    match Request::parse(operation, &nobody, &Params::default()) {
        Err(Refusal::Missing(names)) => names,
        Ok(_) | Err(_) => Vec::new(),
    }
}

/// A name or a code. What JSON Schema counts is characters; we count bytes.
pub fn id() -> Value {
    json!({
        "type": "string", "minLength": 1, "maxLength": ID_MAX_BYTES,
        "pattern": r"^[^\u0000-\u001f\u007f-\u009f]*[^\s\u0000-\u001f\u007f-\u009f][^\u0000-\u001f\u007f-\u009f]*$",
        "description": format!("1 to {ID_MAX_BYTES} bytes without control and invisible characters, not blank; white space around it is ignored"),
    })
}

fn amount() -> Value {
    json!({
        "description": format!("a whole number from 1 to {AMOUNT_MAX}, or its digits"),
        "anyOf": [
            {"type": "integer", "minimum": 1, "maximum": AMOUNT_MAX},
            {"type": "string", "pattern": "^0*([1-9][0-9]{0,3}|10000)$"},
        ],
    })
}

fn pin_hashes() -> Value {
    json!({
        "type": "object", "minProperties": 1, "maxProperties": PIN_HASHES_MAX,
        "additionalProperties": {"type": "string"},
        "description": "keyed hashes of the PIN by key id; the ingress makes them",
    })
}

fn object(properties: Map<String, Value>) -> Value {
    let required: Vec<&String> = properties.keys().collect();
    json!({"type": "object", "required": required, "properties": properties})
}

fn of(name: &str) -> Value {
    if name == "amount" { amount() } else { id() }
}

/// The parameters as a caller over HTTP sends them.
pub fn params(operation: Operation) -> Value {
    object(names(operation).into_iter().map(|name| (name.to_owned(), of(name))).collect())
}

/// The parameters as they travel in messages: a PIN never does.
pub fn travelling(operation: Operation) -> Value {
    let renamed = |name| match name {
        "pin_code" => ("pin_hashes".to_owned(), pin_hashes()),
        name => (name.to_owned(), of(name)),
    };
    object(names(operation).into_iter().map(renamed).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_operation_tells_its_parameters() {
        for (operation, expected) in [
            (Operation::Goods, ["goods_id", "player_id", "amount"]),
            (Operation::GoodsGroup, ["group", "player_id", "amount"]),
            (Operation::Verify, ["goods_group", "coupon_code", "pin_code"]),
            (Operation::Sponsor, ["goods_id", "player_id", "amount"]),
            (Operation::SponsorGroup, ["group", "player_id", "amount"]),
        ] {
            assert_eq!(names(operation), expected, "{operation:?}");
        }
        assert!(params(Operation::Verify)["properties"]["pin_code"].is_object());
        assert!(travelling(Operation::Verify)["properties"].get("pin_code").is_none());
    }
}
