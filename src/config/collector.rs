//! Settings of traces, by the names that OpenTelemetry gives them everywhere.

use super::secret;
use crate::traces::Settings;
use clap::Args;
use secrecy::{ExposeSecret as _, SecretString};

/// Settings; each is a flag and an environment variable.
#[derive(Debug, Clone, Args)]
pub struct Collector {
    /// Collector of traces, asked by OTLP over HTTP, as http://host:4318; off if not given.
    #[arg(long = "otlp-endpoint", env = "OTEL_EXPORTER_OTLP_ENDPOINT", global = true, hide_env_values = true,
          value_parser = secret)]
    pub endpoint: Option<SecretString>,
    /// Headers that the collector wants, as name=value, comma-separated.
    #[arg(long = "otlp-headers", env = "OTEL_EXPORTER_OTLP_HEADERS", global = true, hide_env_values = true,
          value_parser = secret)]
    pub headers: Option<SecretString>,
    /// Whose traces they are.
    #[arg(long, env = "OTEL_SERVICE_NAME", global = true, default_value = "redeemq")]
    pub service_name: String,
    /// Share of the traces that begin here which is kept, 0 to 1; one that a caller began is kept if he
    /// keeps it.
    #[arg(long = "traces-ratio", env = "OTEL_TRACES_SAMPLER_ARG", global = true, default_value_t = 1.0,
          value_parser = ratio)]
    pub ratio: f64,
}

fn ratio(text: &str) -> Result<f64, &'static str> {
    let ratio = text.parse().ok().filter(|ratio| (0.0..=1.0).contains(ratio));
    ratio.ok_or("it is a number from 0 to 1")
}

impl Collector {
    /// Where traces go, if anywhere.
    pub fn traces(&self) -> Option<Settings> {
        let endpoint = self.endpoint.clone().filter(|url| !url.expose_secret().is_empty())?;
        let (headers, service_name) = (self.headers.clone(), self.service_name.clone());
        Some(Settings { endpoint, headers, service_name, ratio: self.ratio })
    }
}
