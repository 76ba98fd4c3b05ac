//! Exchanges and queues, with every argument written out: a default that changes between broker
//! versions would be a promise that changes.
//!
//! ```text
//! redeem.requests (topic) ──#──▶ queue redeem.requests ─┐ over the broker's own delivery limit
//!    └ unrouted: alternate exchange                     ▼
//!      redeem.requests.spare (fanout) ──▶ queue redeem.requests.spare ──▶ redeem.dead
//! redeem.results (topic) ──▶ whatever the callers bind
//! redeem.dead (fanout) ──▶ queue redeem.dead.notices ──workers──▶ queue redeem.dead, for operators
//! ```
//! With more than one lane, [`lanes`] replace the queue redeem.requests. Workers consume all request
//! queues by the same rules. [`definitions`] are data: what is declared and what `doctor` compares with
//! the broker are the same.

mod declaration;
mod declare;
mod definitions;
pub mod lanes;
pub(crate) mod passive;

pub(in crate::broker) use declaration::{declare_exchange, declare_queue};
pub use declare::declare;
pub use definitions::*;
