//! The messages that must be confirmed before a delivery is acknowledged.

use crate::broker::message_spans;
use crate::broker::publish::message::OutboundMessages;
use crate::broker::publish::outbound;
use crate::traces::Traces;
use crate::traces::messages::Sending;
use crate::worker::batch::delivery::{Delivery, Payload};
use crate::worker::batch::job_result::JobResult;
use std::time::Instant;

/// What is published for one delivery.
#[derive(Debug)]
pub struct PendingResult {
    /// The delivery.
    pub tag: u64,
    /// Its messages; copies get one try.
    pub messages: OutboundMessages,
    /// When it was decided, unless that was before this delivery.
    pub decided_at: Option<Instant>,
    /// Whether it is a dead letter, which must arrive, however long it takes.
    pub is_dead: bool,
    /// Its span.
    pub sending: Sending,
}

impl PendingResult {
    /// The result of a delivery's job.
    pub fn of(delivery: &Delivery, traces: &Traces, result: &JobResult) -> Option<Self> {
        let (Payload::Job(job) | Payload::OverLimit(job)) = &delivery.payload else { return None };
        let mut messages =
            outbound::result(&delivery.received, job, &result.body, result.is_replayed());
        let parent = result.place.as_ref();
        let sending =
            parent.map(|parent| message_spans::send_all(traces, &mut messages, Some(parent)));
        let (tag, decided_at) = (delivery.received.tag, result.decided_at);
        let sending = sending.unwrap_or_default();
        Some(Self { tag, messages, decided_at, is_dead: false, sending })
    }
}
