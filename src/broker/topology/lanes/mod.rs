//! Lanes: many request queues. Jobs that contend for the same rows meet in one lane and are batched
//! there; others run beside them, on other nodes of a broker cluster.
//!
//! ```text
//! redeem.requests (topic) ──#──▶ redeem.requests.lanes (consistent hash of x-contends-for) ──▶ redeem.requests.1, .2, … .N
//!    └ nothing bound: unrouted      └ no lane: unrouted
//! ```
//! Where there are lanes, the queue redeem.requests is bound to nothing; workers drain what is still in
//! it. Each lane is consumed by one consumer at a time, and the next one takes over when that ends. Only
//! the broker knows how many lanes there are: each process looks when it starts.

mod count;
mod definitions;
mod layout;
mod source;

pub(crate) use count::{count, exist};
pub(crate) use definitions::is_lane;
pub use definitions::{CONTENDS_FOR, LANES, LANES_MAX, contending_for, exchange, name, queue};
pub use layout::lay_out;
pub use source::Source;
