//! Judging by the documents.

use serde_json::{Value, json};

/// What is wrong with a value, by a schema that may refer to the document's components.
pub fn faults(document: &Value, schema: &Value, value: &Value) -> Vec<String> {
    let rooted = json!({"allOf": [schema], "components": document["components"]});
    let validator = jsonschema::validator_for(&rooted).expect("a schema");
    validator.iter_errors(value).map(|fault| fault.to_string()).collect()
}

pub fn assert_fits(document: &Value, schema: &Value, value: &Value) {
    let faults = faults(document, schema, value);
    assert!(faults.is_empty(), "{value} does not fit: {faults:?}");
}

/// A schema that fits everything would prove nothing: without any one of its fields it must not.
pub fn assert_needs_every_field(document: &Value, schema: &Value, value: &Value) {
    let fields = value.as_object().expect("an object");
    for field in fields.keys().filter(|field| *field != "refused_by") {
        let mut without = fields.clone();
        without.remove(field);
        let faults = faults(document, schema, &Value::Object(without));
        assert!(!faults.is_empty(), "nothing tells that {field} is missing in {value}");
    }
}
