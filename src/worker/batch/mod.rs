//! One batch: gathered, taken through the database in one transaction, and bisected when a job in it fails.

pub mod attempt;
pub mod bisection;
pub mod delivery;
pub mod gatherer;
pub mod job_result;
pub mod process;
pub mod spans;
