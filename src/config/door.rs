//! Settings of the front door: how many callers, how often, and who they are.

use crate::ingress::limits::{self, rate::Rate};
use clap::{Args, value_parser};
use std::num::NonZeroU32;
use std::time::Duration;

/// Below the usual limit of 1,024 open files, with room for those who are turned away, the database,
/// the broker and the metrics.
const CONNECTIONS_MAX: u16 = 800;
/// Longer than the 60 s after which most load balancers give a connection up: the side that sends
/// requests shall be the one that closes, or it sends one into a closed connection.
const IDLE_SECONDS: u16 = 75;

/// Settings; each is a flag and an environment variable.
#[derive(Debug, Clone, Args)]
pub struct Door {
    /// HTTP connections at a time; those beyond are answered 503. Needs as many open files, and 200.
    #[arg(long, env = "REDEEMQ_CONNECTIONS_MAX", global = true, default_value_t = CONNECTIONS_MAX,
          value_parser = value_parser!(u16).range(1..))]
    pub connections_max: u16,
    /// Seconds after which a connection without a request is closed.
    #[arg(long, env = "REDEEMQ_IDLE_SECONDS", global = true, default_value_t = IDLE_SECONDS,
          value_parser = value_parser!(u16).range(1..))]
    pub idle_seconds: u16,
    /// Requests a second of one client, as 200, or with a burst, as 200:1000; off if not given.
    #[arg(long, env = "REDEEMQ_RATE_CLIENT", global = true)]
    pub rate_client: Option<Rate>,
    /// Requests a second from one address (IPv6: from one /64), written likewise; off if not given.
    #[arg(long, env = "REDEEMQ_RATE_ADDRESS", global = true)]
    pub rate_address: Option<Rate>,
    /// Wrong pairs a minute at /Auth, for one api_key from one address; 0 for any number.
    #[arg(long, env = "REDEEMQ_AUTH_FAILURES", global = true, default_value_t = 10)]
    pub auth_failures: u32,
    /// Proxies before the ingress that add to X-Forwarded-For; what others wrote there is not believed.
    #[arg(long, env = "REDEEMQ_TRUSTED_HOPS", global = true, default_value_t = 0)]
    pub trusted_hops: u8,
}

impl Door {
    /// How long a connection may be without a request.
    pub fn idle_max(&self) -> Duration {
        Duration::from_secs(self.idle_seconds.into())
    }

    /// How much one caller may ask for.
    pub fn limits(&self) -> limits::Settings {
        limits::Settings {
            client: self.rate_client,
            address: self.rate_address,
            auth_failures: NonZeroU32::new(self.auth_failures),
            trusted_hops: self.trusted_hops,
        }
    }
}
