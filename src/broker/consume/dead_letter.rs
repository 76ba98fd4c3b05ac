//! A dead letter, and the properties of the message that it was.

use crate::broker::headers::{ATTEMPTS, DEAD_AT, REASON};
use lapin::BasicProperties;
use lapin::message::Delivery;
use lapin::types::{AMQPValue, FieldTable};
use sha2::{Digest as _, Sha256};

/// One message of the dead queue.
#[derive(derive_more::Debug)]
pub struct DeadLetter {
    /// Its message id; for a message without one, a hash of its body.
    pub id: String,
    /// Why it is dead.
    pub reason: String,
    /// Since when, in RFC 3339; empty when the broker itself put it here.
    pub dead_at: String,
    /// How often it was delivered; 0 when the broker itself put it here.
    pub attempts: i64,
    /// As it came.
    #[debug("***")]
    pub body: Vec<u8>,
    /// Properties, with the headers of its death.
    pub properties: BasicProperties,
    #[debug("***")]
    pub(super) delivery: Delivery,
}

impl DeadLetter {
    pub(super) fn read(delivery: Delivery) -> Self {
        let properties = delivery.properties.clone();
        let text = |name: &str| match header(&properties, name) {
            Some(AMQPValue::LongString(text)) => text.to_string(),
            _ => String::new(),
        };
        let reason = match text(REASON) {
            reason if reason.is_empty() => "put here by the broker's own delivery limit".to_owned(),
            reason => reason,
        };
        let attempts = match header(&properties, ATTEMPTS) {
            Some(AMQPValue::LongLongInt(attempts)) => *attempts,
            _ => 0,
        };
        let id = properties.message_id().as_ref().map(ToString::to_string);
        Self {
            id: id.filter(|id| !id.is_empty()).unwrap_or_else(|| hash(&delivery.data)),
            dead_at: text(DEAD_AT),
            reason,
            attempts,
            body: delivery.data.clone(),
            properties,
            delivery,
        }
    }

    /// Its properties as before its death, for a replay.
    pub fn properties_alive(&self) -> BasicProperties {
        let mut headers = FieldTable::default();
        for (name, value) in self.properties.headers().iter().flat_map(FieldTable::inner) {
            if !is_of_death(name.as_str()) {
                headers.insert(name.clone(), value.clone());
            }
        }
        self.properties.clone().with_headers(headers)
    }
}

/// Whether we or the broker set this header when the message died.
fn is_of_death(header: &str) -> bool {
    [REASON, DEAD_AT, ATTEMPTS, "x-death", "x-delivery-count"].contains(&header)
        || header.starts_with("x-first-death-")
}

fn header<'a>(properties: &'a BasicProperties, name: &str) -> Option<&'a AMQPValue> {
    properties.headers().as_ref().and_then(|headers| headers.inner().get(name))
}

fn hash(body: &[u8]) -> String {
    Sha256::digest(body).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::short_string::short_string;

    fn letter(headers: &[(&str, AMQPValue)], body: &[u8]) -> DeadLetter {
        let mut table = FieldTable::default();
        for (name, value) in headers {
            table.insert(short_string(name), value.clone());
        }
        let mut delivery =
            Delivery::mock(1, short_string(""), short_string(""), false, body.to_vec());
        delivery.properties = delivery.properties.with_headers(table);
        DeadLetter::read(delivery)
    }

    fn text(text: &str) -> AMQPValue {
        AMQPValue::LongString(text.into())
    }

    #[test]
    fn it_says_why_and_when_it_died() {
        let headers = [
            (REASON, text("poison")),
            (DEAD_AT, text("2026-01-02T03:04:05Z")),
            (ATTEMPTS, AMQPValue::LongLongInt(21)),
        ];
        let letter = letter(&headers, b"{}");
        assert_eq!((letter.reason.as_str(), letter.attempts), ("poison", 21));
        assert_eq!(letter.dead_at, "2026-01-02T03:04:05Z");
    }

    #[test]
    fn the_broker_itself_gives_no_reason_and_a_message_without_an_id_is_known_by_its_body() {
        let (one, other) = (letter(&[], b"one"), letter(&[], b"other"));
        assert!(one.reason.contains("delivery limit"), "{}", one.reason);
        assert_eq!((one.dead_at.as_str(), one.attempts), ("", 0));
        assert_eq!(one.id.len(), 16);
        assert_ne!(one.id, other.id);
    }

    #[test]
    fn a_replay_carries_no_header_of_its_death() {
        let headers = [
            (REASON, text("poison")),
            (DEAD_AT, text("2026-01-02T03:04:05Z")),
            (ATTEMPTS, AMQPValue::LongLongInt(21)),
            ("x-death", text("…")),
            ("x-delivery-count", AMQPValue::LongLongInt(20)),
            ("x-first-death-queue", text("redeem.requests")),
            ("x-contends-for", text("cup")),
        ];
        let alive = letter(&headers, b"{}").properties_alive();
        let left: Vec<_> = alive.headers().iter().flat_map(FieldTable::inner).collect();
        assert_eq!(left, [(&short_string("x-contends-for"), &text("cup"))]);
    }
}
