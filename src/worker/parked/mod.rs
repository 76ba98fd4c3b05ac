//! Jobs that wait for a row which another transaction holds.

mod lock_wait_queue;
pub mod parked_jobs;
mod wait_group;
