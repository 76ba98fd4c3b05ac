//! The parameters of one request as they came, before anyone believes them.

use super::form::{self, NotUtf8};
use super::id::{BadId, Id};
use super::visible::Invisible;
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;

/// Names and values, from a form, a JSON object or a message. A name that came twice is kept as
/// such: which of the two was meant can't be known.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Params(BTreeMap<String, Param>);

#[derive(derive_more::Debug, Clone, PartialEq)]
enum Param {
    #[debug("***")]
    Once(Value),
    Repeated,
}

/// One parameter, judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Given<T> {
    /// Absent, null or blank.
    Missing,
    /// Present but not acceptable.
    Unacceptable,
    /// Not acceptable, because of a character that nobody sees.
    Invisible(Invisible),
    /// As it should be.
    Good(T),
}

impl<T> Given<T> {
    /// The same about something else.
    pub fn map<U>(self, other: impl FnOnce(T) -> U) -> Given<U> {
        match self {
            Given::Missing => Given::Missing,
            Given::Unacceptable => Given::Unacceptable,
            Given::Invisible(at) => Given::Invisible(at),
            Given::Good(value) => Given::Good(other(value)),
        }
    }
}

impl<T> Given<T> {
    /// Without what is wrong with it.
    pub(crate) fn unexplained(self) -> Self {
        match self {
            Given::Invisible(_) => Given::Unacceptable,
            given => given,
        }
    }
}

impl Params {
    /// Adds a value; the second of a name makes it unacceptable.
    pub fn add(&mut self, name: impl Into<String>, value: Value) {
        self.0
            .entry(name.into())
            .and_modify(|param| *param = Param::Repeated)
            .or_insert(Param::Once(value));
    }

    /// Replaces or removes a value.
    pub fn set(&mut self, name: &str, value: Option<Value>) {
        match value {
            Some(value) => self.0.insert(name.to_owned(), Param::Once(value)),
            None => self.0.remove(name),
        };
    }

    /// A form body: pairs in any order.
    ///
    /// # Errors
    /// When it is not UTF-8.
    pub fn from_form(body: &[u8]) -> Result<Self, NotUtf8> {
        Ok(form::decode(body)?.into_iter().collect())
    }

    /// A text of any length, without trimming.
    pub fn text(&self, name: &str) -> Given<&str> {
        match self.0.get(name) {
            None | Some(Param::Once(Value::Null)) => Given::Missing,
            Some(Param::Once(Value::String(text))) if text.trim().is_empty() => Given::Missing,
            Some(Param::Once(Value::String(text))) => Given::Good(text),
            Some(_) => Given::Unacceptable,
        }
    }

    /// The same, or none.
    pub(crate) fn text_if_good(&self, name: &str) -> Option<&str> {
        match self.text(name) {
            Given::Good(text) => Some(text),
            Given::Missing | Given::Unacceptable | Given::Invisible(_) => None,
        }
    }

    /// A text within the bounds of an [`Id`].
    pub fn id(&self, name: &str) -> Given<Id> {
        match self.text(name) {
            Given::Good(text) => match Id::parse(text) {
                Ok(id) => Given::Good(id),
                Err(BadId::Invisible(at)) => Given::Invisible(at),
                Err(_) => Given::Unacceptable,
            },
            Given::Missing => Given::Missing,
            Given::Unacceptable => Given::Unacceptable,
            Given::Invisible(at) => Given::Invisible(at),
        }
    }

    /// A whole number in the bounds, as JSON number or as digits. To JSON 7.0 is the number 7, and there
    /// are languages that write it so.
    pub fn whole(&self, name: &str, bounds: std::ops::RangeInclusive<i64>) -> Given<i64> {
        let number = match self.0.get(name) {
            Some(Param::Once(Value::Number(number))) => {
                number.as_i64().or_else(|| number.to_string().strip_suffix(".0")?.parse().ok())
            }
            _ => match self.text(name) {
                Given::Missing => return Given::Missing,
                Given::Good(text) if text.bytes().all(|b| b.is_ascii_digit()) => text.parse().ok(),
                _ => None,
            },
        };
        match number {
            Some(number) if bounds.contains(&number) => Given::Good(number),
            _ => Given::Unacceptable,
        }
    }

    /// An object of texts, such as PIN hashes by key id.
    pub fn texts(&self, name: &str) -> Given<BTreeMap<String, String>> {
        match self.0.get(name) {
            None | Some(Param::Once(Value::Null)) => Given::Missing,
            Some(Param::Once(object @ Value::Object(map))) if !map.is_empty() => {
                BTreeMap::deserialize(object).map_or(Given::Unacceptable, Given::Good)
            }
            Some(_) => Given::Unacceptable,
        }
    }

    /// All names and values but these, in a fixed order, for a fingerprint of what can't be read.
    pub fn canonical_without(&self, left_out: &[&str]) -> String {
        let mut text = String::new();
        for (name, param) in self.0.iter().filter(|(name, _)| !left_out.contains(&name.as_str())) {
            let value = match param {
                Param::Once(value) => value.to_string(),
                Param::Repeated => "repeated".to_owned(),
            };
            text.push_str(&format!("{}:{name}={}:{value};", name.len(), value.len()));
        }
        text
    }
}

impl FromIterator<(String, String)> for Params {
    fn from_iter<T: IntoIterator<Item = (String, String)>>(pairs: T) -> Self {
        let mut params = Self::default();
        for (name, value) in pairs {
            params.add(name, Value::String(value));
        }
        params
    }
}

impl<'de> Deserialize<'de> for Params {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Params;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of parameters")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Params, A::Error> {
                let mut params = Params::default();
                while let Some((name, value)) = map.next_entry::<String, Value>()? {
                    params.add(name, value);
                }
                Ok(params)
            }
        }

        deserializer.deserialize_map(Object)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> Params {
        serde_json::from_str(text).expect("an object")
    }

    #[test]
    fn form_and_json_say_the_same() {
        let form = Params::from_form(b"player_id=p%201&amount=3").expect("UTF-8");
        let json = json(r#"{"amount":3,"player_id":"p 1"}"#);
        assert_eq!(form.id("player_id"), json.id("player_id"));
        assert_eq!(form.whole("amount", 1..=10), json.whole("amount", 1..=10));
    }

    #[test]
    fn an_amount_is_a_whole_number_or_digits() {
        for (text, expected) in [
            (r#"{"a":7}"#, Given::Good(7)),
            (r#"{"a":7.0}"#, Given::Good(7)),
            (r#"{"a":7e0}"#, Given::Good(7)),
            (r#"{"a":"7"}"#, Given::Good(7)),
            (r#"{"a":"007"}"#, Given::Good(7)),
            (r#"{}"#, Given::Missing),
            (r#"{"a":null}"#, Given::Missing),
            (r#"{"a":" "}"#, Given::Missing),
            (r#"{"a":"7.0"}"#, Given::Unacceptable),
            (r#"{"a":0}"#, Given::Unacceptable),
            (r#"{"a":-0.0}"#, Given::Unacceptable),
            (r#"{"a":11}"#, Given::Unacceptable),
            (r#"{"a":-5}"#, Given::Unacceptable),
            (r#"{"a":1.5}"#, Given::Unacceptable),
            (r#"{"a":1e300}"#, Given::Unacceptable),
            (r#"{"a":"+7"}"#, Given::Unacceptable),
            (r#"{"a":"99999999999999999999"}"#, Given::Unacceptable),
            (r#"{"a":true}"#, Given::Unacceptable),
            (r#"{"a":1,"a":1}"#, Given::Unacceptable),
        ] {
            assert_eq!(json(text).whole("a", 1..=10), expected, "{text}");
        }
    }

    #[test]
    fn a_repeated_name_is_unacceptable_in_both_forms() {
        let form = Params::from_form(b"a=1&a=1").expect("UTF-8");
        assert_eq!(form.id("a"), Given::Unacceptable);
        assert_eq!(json(r#"{"a":"1","a":"1"}"#).id("a"), Given::Unacceptable);
    }
}
