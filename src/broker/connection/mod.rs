//! Connections to the broker: how they are opened and closed, and the time limit of every call.

pub mod connect;
pub mod deadline;
pub mod preflight;
pub mod server_properties;
mod uri;

pub use connect::{close, connect, measure, pool};
pub use deadline::{BROKER_TIMEOUT, in_time};
pub use deadpool_lapin::Pool;
