//! Metrics and traces of a server.

use super::connection::given;
use crate::setting::{self, UrlOf};
use crate::traces::Settings;
use clap::Args;
use secrecy::SecretString;
use std::net::SocketAddr;
use std::time::Duration;

const METRICS: &str = "Metrics";
const TRACES: &str = "Traces";

#[derive(Debug, Clone, Args)]
pub struct MetricsOptions {
    /// Address of /metrics and /livez
    #[arg(long, env = "REDEEMQ_METRICS_ADDR", value_name = "ADDRESS", default_value = "127.0.0.1:9464",
          help_heading = METRICS, value_parser = setting::address())]
    pub metrics_addr: SocketAddr,
    /// Seconds between two looks at queues and watched goods, for the metrics; 0 is never
    #[arg(long, env = "REDEEMQ_LOOK_EVERY_SECONDS", value_name = "SECONDS", default_value_t = 5,
          help_heading = METRICS, value_parser = setting::whole(0..=u32::MAX))]
    look_every_seconds: u32,
}

/// By the names that OpenTelemetry gives them.
#[derive(Debug, Clone, Args)]
pub struct TraceOptions {
    /// Collector of traces (OTLP over HTTP), as http://host:4318; off if not given
    #[arg(long = "otlp-endpoint", env = "OTEL_EXPORTER_OTLP_ENDPOINT", hide_env_values = true,
          value_name = "URL", help_heading = TRACES, value_parser = setting::url(UrlOf::Collector))]
    endpoint: Option<SecretString>,
    /// Headers for the collector, as name=value, separated by commas
    #[arg(long = "otlp-headers", env = "OTEL_EXPORTER_OTLP_HEADERS", hide_env_values = true,
          value_name = "HEADERS", help_heading = TRACES, value_parser = setting::secret())]
    headers: Option<SecretString>,
    /// Service name of the traces
    #[arg(long, env = "OTEL_SERVICE_NAME", value_name = "NAME", default_value = "redeemq",
          help_heading = TRACES, value_parser = setting::text())]
    service_name: String,
    /// Sampling ratio for new traces (0–1); incoming traces keep the caller's decision
    #[arg(long = "traces-ratio", env = "OTEL_TRACES_SAMPLER_ARG", value_name = "RATIO",
          default_value_t = 1.0, help_heading = TRACES, value_parser = setting::ratio())]
    ratio: f64,
}

impl MetricsOptions {
    /// Time between two looks, if there are any.
    pub fn look_every(&self) -> Option<Duration> {
        (self.look_every_seconds > 0).then(|| Duration::from_secs(self.look_every_seconds.into()))
    }
}

impl TraceOptions {
    /// None where no collector is set.
    pub fn settings(&self) -> Option<Settings> {
        Some(Settings {
            endpoint: given(self.endpoint.as_ref())?.clone(),
            headers: self.headers.clone(),
            service_name: self.service_name.clone(),
            ratio: self.ratio,
        })
    }
}
