//! What the management API answers, as far as it is read.

use crate::broker::error::{BrokerError, Result};
use serde::{Deserialize, Deserializer, de};
use serde_json::{Map, Value};

/// A queue as it really is.
#[derive(Debug, Deserialize)]
pub(crate) struct RealQueue {
    /// The arguments that it was declared with.
    pub(crate) arguments: Map<String, Value>,
    /// What policies and operator policies together ask of it; the broker learns that some seconds
    /// after a queue was declared.
    #[serde(rename = "effective_policy_definition", default, deserialize_with = "table")]
    pub(crate) policy: Option<Map<String, Value>>,
    /// The policy's name.
    #[serde(rename = "policy")]
    pub(crate) policy_name: Option<String>,
    /// The operator policy's name.
    #[serde(rename = "operator_policy")]
    pub(crate) operator_policy_name: Option<String>,
}

/// A binding of a queue.
#[derive(Debug, Deserialize)]
pub(crate) struct Binding {
    /// The exchange.
    pub(crate) source: String,
    pub(crate) routing_key: String,
}

/// The rights of a user in one vhost.
#[derive(Debug, Deserialize)]
pub(super) struct Permission {
    pub(super) vhost: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct User {
    tags: Value,
}

impl User {
    /// # Errors
    /// When the API writes them in a way that is not known.
    pub(super) fn tags(self) -> Result<Vec<String>> {
        let unknown =
            || BrokerError::Management("it writes a user's tags in an unknown way".to_owned());
        match self.tags {
            Value::Array(tags) => {
                tags.into_iter().map(|tag| text(tag).ok_or_else(unknown)).collect()
            }
            // Before 3.9 it was one text.
            Value::String(tags) => {
                Ok(tags.split(',').filter(|tag| !tag.is_empty()).map(str::to_owned).collect())
            }
            _ => Err(unknown()),
        }
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct Alarms {
    status: String,
    #[serde(default)]
    alarms: Vec<Map<String, Value>>,
}

impl Alarms {
    /// As in `memory on rabbit@one`. An alarm is never left out, even when it can't be described.
    pub(super) fn describe(&self) -> Vec<String> {
        let field = |alarm: &Map<String, Value>, name: &str| {
            alarm.get(name).and_then(Value::as_str).unwrap_or("?").to_owned()
        };
        let described: Vec<String> = self
            .alarms
            .iter()
            .map(|alarm| format!("{} on {}", field(alarm, "resource"), field(alarm, "node")))
            .collect();
        match self.status != "ok" && described.is_empty() {
            true => vec!["of an unknown kind".to_owned()],
            false => described,
        }
    }
}

fn text(value: Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text),
        _ => None,
    }
}

/// The API writes an empty table as an empty list.
fn table<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Map<String, Value>>, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::Object(table) => Ok(Some(table)),
        Value::Null => Ok(None),
        Value::Array(list) if list.is_empty() => Ok(Some(Map::new())),
        other => Err(de::Error::custom(format!("a table was expected, not {other}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn policy(definition: Value) -> serde_json::Result<Option<Map<String, Value>>> {
        let queue = json!({"arguments": {}, "effective_policy_definition": definition});
        serde_json::from_value::<RealQueue>(queue).map(|queue| queue.policy)
    }

    #[test]
    fn a_policy_is_a_table_or_an_empty_list_or_not_known_yet() {
        let table = json!({"expires": 1});
        assert_eq!(policy(table.clone()).expect("a table"), table.as_object().cloned());
        assert_eq!(policy(json!([])).expect("an empty list"), Some(Map::new()));
        assert_eq!(policy(Value::Null).expect("nothing"), None);
        assert!(policy(json!(["expires"])).is_err());
    }

    #[test]
    fn tags_are_read_in_both_forms_and_never_guessed() {
        let tags = |tags: Value| User { tags }.tags();
        let both = ["administrator".to_owned(), "monitoring".to_owned()];
        assert_eq!(tags(json!(["administrator", "monitoring"])).expect("a list"), both);
        assert_eq!(tags(json!("administrator,monitoring")).expect("a text"), both);
        assert!(tags(json!("")).expect("none").is_empty());
        assert!(tags(json!({"administrator": true})).is_err());
        assert!(tags(json!([1])).is_err());
    }

    #[test]
    fn no_alarm_is_left_out() {
        let alarms =
            |answer: Value| serde_json::from_value::<Alarms>(answer).expect("alarms").describe();
        let memory = json!({"resource": "memory", "node": "rabbit@one"});
        assert!(alarms(json!({"status": "ok"})).is_empty());
        assert_eq!(
            alarms(json!({"status": "failed", "alarms": [memory, {}]})),
            ["memory on rabbit@one", "? on ?"]
        );
        assert_eq!(alarms(json!({"status": "failed"})), ["of an unknown kind"]);
    }
}
