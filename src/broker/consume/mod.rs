//! Consuming messages, and settling them.

pub mod consumer;
pub mod dead_letter;
pub mod dead_queue;
pub mod death;
mod deliveries;
pub mod received;
pub(crate) mod reply_queue;
pub mod settler;
mod unsettled;
