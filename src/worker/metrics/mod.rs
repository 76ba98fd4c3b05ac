//! What a worker tells of itself beside its log.

pub mod in_flight_age;
pub mod lane;
pub mod stock;
