//! Looking at a broker without changing it.

pub mod depths;
pub mod management;
pub mod probe;
