//! One batch: gathered, taken through the database in one transaction, and bisected when a job in it fails.

pub mod attempt;
mod bisection;
mod builder;
mod database;
mod decided;
pub mod delivery;
mod executor;
#[cfg(test)]
pub(in crate::worker) mod fixtures;
pub mod gatherer;
mod incoming;
pub mod job_result;
mod metrics;
pub mod outcome;
pub mod process;
pub mod replay;
mod retry;
mod spans;
mod turns;
