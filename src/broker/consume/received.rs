//! One delivery, as this layer hands it on.

use lapin::BasicProperties;

/// One delivery, as much as anyone above this layer needs of it.
#[derive(derive_more::Debug)]
pub struct Received {
    /// Number on its channel, by which it is settled.
    pub tag: u64,
    /// Body.
    #[debug("***")]
    pub body: Vec<u8>,
    /// Properties and headers.
    pub properties: BasicProperties,
    /// How often it was delivered before.
    pub delivery_count: i64,
    /// Put here by the broker's own limit: ours is over as well.
    pub is_over_broker_limit: bool,
}
