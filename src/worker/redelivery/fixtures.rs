//! Deliveries for unit tests.

use crate::broker::consume::received::Received;
use crate::worker::batch::delivery::Delivery;
use time::OffsetDateTime;
use time::macros::datetime;

/// A delivery of a job; those with a larger tag were accepted later.
pub(super) fn delivered(tag: u64, delivery_count: i64) -> Delivery {
    let at = accepted_at(tag).format(&time::format_description::well_known::Rfc3339);
    let body = serde_json::json!({
        "v": 1,
        "job_id": uuid::Uuid::from_u128(tag.into()),
        "client_id": "acme",
        "operation": "goods",
        "accepted_at": at.expect("a time"),
        "params": {"goods_id": "mug", "player_id": "p1", "amount": 1},
    });
    Delivery::read(Received {
        tag,
        body: body.to_string().into_bytes(),
        properties: lapin::BasicProperties::default(),
        delivery_count,
        is_over_broker_limit: false,
    })
}

/// When the job of a delivery was accepted.
pub(super) fn accepted_at(tag: u64) -> OffsetDateTime {
    datetime!(2026-01-02 03:04:05 UTC) + std::time::Duration::from_secs(tag)
}

/// The tags of deliveries.
pub(super) fn tags(deliveries: impl IntoIterator<Item = Delivery>) -> Vec<u64> {
    deliveries.into_iter().map(|delivery| delivery.received.tag).collect()
}
