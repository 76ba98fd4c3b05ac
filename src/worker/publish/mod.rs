//! Publishing results: confirmed, then settled.

mod canaries;
mod circuit;
mod circuits;
#[cfg(test)]
mod fixtures;
pub mod pending_result;
mod refused;
mod result_counts;
pub mod result_publisher;
pub mod route_circuits;
mod settlement;
mod window;
