//! The messages that must be confirmed before a delivery is acknowledged.

use crate::broker::consume::received::Received;
use crate::broker::message_spans;
use crate::broker::publish::message::OutboundMessages;
use crate::broker::publish::outbound;
use crate::traces::Traces;
use crate::traces::messages::Sending;
use crate::worker::batch::delivery::Delivery;
use crate::worker::batch::job_result::JobResult;
use std::time::Instant;

/// What is published for one delivery.
#[derive(Debug)]
pub struct PendingResult {
    /// The delivery.
    pub tag: u64,
    /// Its messages; copies get one try.
    pub messages: OutboundMessages,
    /// What they tell.
    pub kind: Kind,
    /// Its span.
    pub sending: Sending,
}

/// What is told about a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// What was decided, then.
    Decided(Instant),
    /// What had been decided before this delivery.
    Replayed,
    /// That it could not be decided, with the dead letter, which must arrive, however long it takes. Why, if
    /// nobody has counted it yet.
    DeadLetter(Option<&'static str>),
}

impl PendingResult {
    /// The result of a delivery's job.
    pub fn of(delivery: &Delivery, traces: &Traces, result: &JobResult) -> Option<Self> {
        let job = delivery.any_job()?;
        let mut messages =
            outbound::result(&delivery.received, job, &result.body, result.is_replayed());
        let parent = result.place.as_ref();
        let sending =
            parent.map(|parent| message_spans::send_all(traces, &mut messages, Some(parent)));
        let kind = result.decided_at.map_or(Kind::Replayed, Kind::Decided);
        let sending = sending.unwrap_or_default();
        Some(Self { tag: delivery.received.tag, messages, kind, sending })
    }

    /// A delivery that is a dead letter already, and only has to get to its queue.
    pub fn dead_letter(received: &Received) -> Self {
        let messages =
            OutboundMessages { main: outbound::as_it_came(received), copies: Vec::new() };
        let (tag, sending) = (received.tag, Sending::default());
        Self { tag, messages, kind: Kind::DeadLetter(None), sending }
    }

    /// Whether it has no other home than the queue that it goes to.
    pub fn must_arrive(&self) -> bool {
        matches!(self.kind, Kind::DeadLetter(_))
    }
}
