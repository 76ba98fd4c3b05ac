//! Results and copies for unit tests.

use crate::broker::publish::message::{OutboundMessages, Outgoing};
use crate::broker::{BasicProperties, short_string};
use crate::traces::messages::Sending;
use crate::worker::publish::pending_result::{Kind, PendingResult};
use crate::worker::publish::window::{QueuedResult, UnconfirmedMessage};

pub(super) fn message(routing_key: &str) -> Outgoing {
    Outgoing {
        exchange: "redeem.results",
        routing_key: short_string(routing_key),
        mandatory: true,
        properties: BasicProperties::default(),
        body: Vec::new().into(),
    }
}

/// A result of this delivery, with copies to these keys.
pub(super) fn pending(tag: u64, kind: Kind, routing_key: &str, copies: &[&str]) -> PendingResult {
    let copies = copies.iter().map(|key| message(key)).collect();
    let messages = OutboundMessages { main: message(routing_key), copies };
    PendingResult { tag, messages, kind, sending: Sending::default() }
}

/// The same, on its first try.
pub(super) fn queued(tag: u64, kind: Kind, routing_key: &str) -> QueuedResult {
    QueuedResult { result: pending(tag, kind, routing_key, &[]), refusals: 0 }
}

/// The tags of results, and a none for each copy.
pub(super) fn tags(messages: &[UnconfirmedMessage]) -> Vec<Option<u64>> {
    let tag = |message: &UnconfirmedMessage| match message {
        UnconfirmedMessage::Result(result) => Some(result.tag),
        UnconfirmedMessage::Copy(_) => None,
    };
    messages.iter().map(tag).collect()
}
