//! Our own headers on messages, beside those of traces and lanes.

/// On a dead letter: why it is dead.
pub(crate) const REASON: &str = "x-redeemq-reason";
/// On a dead letter: since when, in RFC 3339.
pub(crate) const DEAD_AT: &str = "x-redeemq-dead-at";
/// On a dead letter: its deliveries, the last one included.
pub(crate) const ATTEMPTS: &str = "x-redeemq-attempts";
/// On a repeated result: `true`.
pub(crate) const REPLAYED: &str = "x-replayed";
