//! Jobs that wait for a row which another transaction holds.

pub mod lock_wait_queue;
