//! What an exporter of traces is told.

use crate::client::Unanswered;
use secrecy::SecretString;

/// Where traces go, and which.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The collector, as `http://host:4318`.
    pub endpoint: SecretString,
    /// Headers that it wants, as `name=value,…`.
    pub headers: Option<SecretString>,
    pub service_name: String,
    /// The share that is kept of the traces that begin here, from 0 to 1.
    pub ratio: f64,
}

/// A setting that can't be read, or a machine that can't ask anybody.
#[derive(Debug, thiserror::Error)]
pub enum TracesError {
    #[error(
        "OTEL_EXPORTER_OTLP_ENDPOINT is invalid: it must be http://host:4318, without user and password"
    )]
    Endpoint,
    #[error("OTEL_EXPORTER_OTLP_HEADERS is invalid: it must be name=value,name=value")]
    Headers,
    #[error("cannot send traces: {0}")]
    Client(#[from] Unanswered),
}
