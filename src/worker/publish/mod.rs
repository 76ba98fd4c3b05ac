//! Publishing results: confirmed, then settled.

mod circuit;
mod circuits;
pub mod pending_result;
mod refused;
mod result_counts;
pub mod result_publisher;
pub mod route_circuits;
mod route_prober;
mod settlement;
mod window;
