//! What an ingress allows its callers.

use super::answers::AnswerOptions;
use crate::ingress::limits::{self, rate::Rate};
use crate::setting::{self, setting};
use clap::Args;
use clap::builder::TypedValueParser;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::time::Duration;

const HEADING: &str = "HTTP";
/// Below the usual limit of 1,024 open files: connections that are turned away, the database, the
/// broker and the metrics need some as well.
const CONNECTIONS_MAX: u16 = 800;
/// One in so many of them may come from one address.
const ADDRESS_SHARE: u16 = 4;
/// Longer than the 60 s after which most load balancers close an idle connection. The side that sends
/// requests should close first, or it sends one into a closed connection.
const IDLE_SECONDS: u16 = 75;

#[derive(Debug, Clone, Args)]
pub struct IngressOptions {
    /// Address on which the ingress listens
    #[arg(long, env = "REDEEMQ_HTTP_ADDR", value_name = "ADDRESS", default_value = "127.0.0.1:8080",
          help_heading = HEADING, value_parser = setting::address())]
    pub http_addr: SocketAddr,
    /// HTTP connections at a time; those beyond get 503. Allow 200 more open files than this (ulimit -n)
    #[arg(long, env = "REDEEMQ_CONNECTIONS_MAX", value_name = "N", default_value_t = CONNECTIONS_MAX,
          help_heading = HEADING, value_parser = setting::whole(1..=u16::MAX))]
    pub connections_max: u16,
    /// HTTP connections at a time from one address (IPv6: from one /64); a quarter of all if not given, 0 is no
    /// limit. None is applied behind proxies (trusted hops), where the address is the proxy's
    #[arg(long, env = "REDEEMQ_CONNECTIONS_ADDRESS", value_name = "N", help_heading = HEADING,
          value_parser = setting::whole(0..=u16::MAX))]
    connections_address: Option<u16>,
    /// Seconds after which a connection without a request is closed
    #[arg(long, env = "REDEEMQ_IDLE_SECONDS", value_name = "SECONDS", default_value_t = IDLE_SECONDS,
          help_heading = HEADING, value_parser = setting::whole(1..=u16::MAX))]
    idle_seconds: u16,
    /// Requests a second of one client, as 200, or with a burst, as 200:1000; off if not given
    #[arg(long, env = "REDEEMQ_RATE_CLIENT", value_name = "RATE", help_heading = HEADING,
          value_parser = rate())]
    rate_client: Option<Rate>,
    /// Requests a second from one address (IPv6: from one /64), as 200 or 200:1000; off if not given
    #[arg(long, env = "REDEEMQ_RATE_ADDRESS", value_name = "RATE", help_heading = HEADING,
          value_parser = rate())]
    rate_address: Option<Rate>,
    /// Failed logins a minute at /Auth, for one api_key from one address; 0 is no limit
    #[arg(long, env = "REDEEMQ_AUTH_FAILURES", value_name = "N", default_value_t = 10,
          help_heading = HEADING, value_parser = setting::whole(0..=u32::MAX))]
    auth_failures: u32,
    /// Proxies in front of the ingress that add to X-Forwarded-For; entries before theirs are ignored
    #[arg(long, env = "REDEEMQ_TRUSTED_HOPS", value_name = "N", default_value_t = 0,
          help_heading = HEADING, value_parser = setting::whole(0..=u8::MAX))]
    trusted_hops: u8,
    #[command(flatten)]
    pub answers: AnswerOptions,
}

fn rate() -> impl TypedValueParser<Value = Rate> {
    setting("requests a second, as 200, or with a burst, as 200:1000", |text| text.parse().ok())
}

impl IngressOptions {
    /// Connections from one network, if they are bounded: a proxy brings those of all its callers.
    pub fn address_max(&self) -> Option<usize> {
        let usual = self.connections_max.div_ceil(ADDRESS_SHARE);
        let max = self.connections_address.unwrap_or(usual);
        (self.trusted_hops == 0 && max > 0).then_some(max.into())
    }

    /// How long a connection may be without a request.
    pub fn idle_max(&self) -> Duration {
        Duration::from_secs(self.idle_seconds.into())
    }

    /// Limits of one caller.
    pub fn limits(&self) -> limits::Settings {
        limits::Settings {
            client: self.rate_client,
            address: self.rate_address,
            auth_failures: NonZeroU32::new(self.auth_failures),
            trusted_hops: self.trusted_hops,
        }
    }
}
