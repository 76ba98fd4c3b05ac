//! Publishing with confirms.

mod channel;
pub mod direct_replies;
mod in_flight;
pub mod isolated;
pub mod message;
pub mod outbound;
pub mod publisher;
