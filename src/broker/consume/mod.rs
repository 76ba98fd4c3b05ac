//! Taking messages, and settling them.

pub mod consumer;
pub mod dead_queue;
pub mod received;
pub mod reply_queue;
pub mod settler;
