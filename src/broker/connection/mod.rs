//! Connections to the broker: how they are opened and closed, and the time limit of every call.

mod connect;
mod deadline;
mod preflight;
pub mod server_properties;
mod uri;

pub(crate) use connect::measure;
pub use connect::{close, connect, pool};
pub use deadline::BROKER_TIMEOUT;
pub(in crate::broker) use deadline::{answered, in_time};
pub use deadpool_lapin::Pool;
pub(crate) use preflight::server_properties;
pub use uri::vhost;
