//! Publishing results: confirmed, then settled.

pub mod pending_result;
pub mod result_publisher;
pub mod route_circuits;
pub mod route_prober;
pub mod unconfirmed;
