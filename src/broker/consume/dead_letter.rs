//! A dead letter, and the properties of the message that it was.

use crate::broker::consume::death::Death;
use crate::broker::headers::{ATTEMPTS, DEAD_AT, REASON, is_of_past_life};
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
    /// Since when, in RFC 3339; empty where that is not known.
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
        let (reason, dead_at) =
            match (text(REASON), properties.headers().as_ref().and_then(Death::read)) {
                (reason, _) if !reason.is_empty() => (reason, text(DEAD_AT)),
                (_, Some(death)) => {
                    (death.to_string(), death.at.map(crate::wire::rfc3339).unwrap_or_default())
                }
                (_, None) => ("no header says why it was put here".to_owned(), String::new()),
            };
        let attempts = match header(&properties, ATTEMPTS) {
            Some(AMQPValue::LongLongInt(attempts)) => *attempts,
            _ => 0,
        };
        let id = properties.message_id().as_ref().map(ToString::to_string);
        Self {
            id: id.filter(|id| !id.is_empty()).unwrap_or_else(|| hash(&delivery.data)),
            dead_at,
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
            if !is_of_past_life(name.as_str()) {
                headers.insert(name.clone(), value.clone());
            }
        }
        self.properties.clone().with_headers(headers)
    }
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
    use crate::broker::consume::death::tests::deaths;
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
    fn of_a_letter_that_the_broker_made_its_word_is_told() {
        let table = deaths(&[("redeem.requests.spare", "delivery_limit")]);
        let headers: Vec<_> =
            table.inner().iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
        let letter = letter(&headers, b"{}");
        assert!(letter.reason.contains("delivery limit of queue redeem.requests.spare"));
        assert_eq!((letter.dead_at.as_str(), letter.attempts), ("2026-01-02T03:04:05Z", 0));
    }

    #[test]
    fn a_message_without_an_id_is_known_by_its_body() {
        let (one, other) = (letter(&[], b"one"), letter(&[], b"other"));
        assert!(one.reason.contains("no header"), "{}", one.reason);
        assert_eq!((one.dead_at.as_str(), one.attempts), ("", 0));
        assert_eq!(one.id.len(), 16);
        assert_ne!(one.id, other.id);
    }

    #[test]
    fn a_replay_carries_no_header_of_its_past_life_and_all_others() {
        let past = [
            "x-redeemq-reason",
            "x-redeemq-dead-at",
            "x-redeemq-attempts",
            "x-death",
            "x-delivery-count",
            "x-acquired-count",
            "x-first-death-queue",
            "x-first-death-reason",
            "x-first-death-exchange",
            "x-last-death-queue",
            "x-last-death-reason",
            "x-last-death-exchange",
        ];
        let kept = ["traceparent", "x-contends-for", "x-deaths", "x-delivery", "x-mine"];
        let headers: Vec<_> = past.iter().chain(&kept).map(|name| (*name, text("…"))).collect();
        let alive = letter(&headers, b"{}").properties_alive();
        let left: Vec<_> = alive.headers().iter().flat_map(FieldTable::inner).collect();
        assert_eq!(left.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), kept);
        assert!(left.iter().all(|(_, value)| **value == text("…")));
    }
}
