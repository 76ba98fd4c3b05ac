//! Headers of messages, beside those of traces and lanes: our own, and those that the broker writes.

/// On a dead letter: why it is dead.
pub(crate) const REASON: &str = "x-redeemq-reason";
/// On a dead letter: since when, in RFC 3339.
pub(crate) const DEAD_AT: &str = "x-redeemq-dead-at";
/// On a dead letter: its deliveries, the last one included.
pub(crate) const ATTEMPTS: &str = "x-redeemq-attempts";
/// On a repeated result: `true`.
pub(crate) const REPLAYED: &str = "x-replayed";

/// The broker's: how often it delivered a message before.
pub(crate) const DELIVERY_COUNT: &str = "x-delivery-count";
/// The broker's, from RabbitMQ 4.3 on: how often it sent a message before, whatever became of it.
pub(crate) const ACQUIRED_COUNT: &str = "x-acquired-count";
/// The broker's: in which queues a message died, and of what, the last death first.
pub(crate) const DEATHS: &str = "x-death";

/// Whether the broker, or we, wrote this header when the message was delivered, died or was dead-lettered:
/// to a message that begins anew it would be untrue. RabbitMQ 4.3 even goes on counting from it.
pub(crate) fn is_of_past_life(name: &str) -> bool {
    const NAMES: [&str; 6] = [REASON, DEAD_AT, ATTEMPTS, DELIVERY_COUNT, DEATHS, ACQUIRED_COUNT];
    const PREFIXES: [&str; 2] = ["x-first-death-", "x-last-death-"];
    NAMES.contains(&name) || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}
