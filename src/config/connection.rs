//! Where the servers are, and how results are printed.

use crate::admin::owner;
use crate::setting::{self, UrlOf};
use crate::store::StatementLimit;
use clap::Args;
use secrecy::{ExposeSecret as _, SecretString};
use std::time::Duration;

const HEADING: &str = "Connection";

/// A setting that is needed and missing.
#[derive(Debug, thiserror::Error)]
#[error("{variable} is not set: set it to {form}, or give {flag}")]
pub struct Missing {
    variable: &'static str,
    flag: &'static str,
    form: &'static str,
}

#[derive(Debug, Clone, Args)]
pub struct DatabaseOption {
    /// Postgres, as postgres://user:password@host:port/database. Over the network it has to prove who it is
    /// (sslmode=verify-full) unless sslmode says otherwise; sslrootcert names a root certificate
    #[arg(long, env = "DATABASE_URL", global = true, hide_env_values = true, value_name = "URL",
          help_heading = HEADING, value_parser = setting::url(UrlOf::Database))]
    database_url: Option<SecretString>,
}

#[derive(Debug, Clone, Copy, Args)]
pub struct StatementOption {
    /// Seconds that the database may take for one statement; a lock is waited for 0.4 times as long, and a
    /// connection that gives no answer twice as long
    #[arg(long, env = "REDEEMQ_STATEMENT_SECONDS", value_name = "SECONDS", default_value_t = 5,
          help_heading = "Database", value_parser = setting::whole(1..=60_u8))]
    statement_seconds: u8,
}

#[derive(Debug, Clone, Args)]
pub struct BrokerOption {
    /// RabbitMQ, as amqp://user:password@host:port/vhost (the default vhost is %2f, or nothing); amqps for TLS
    #[arg(long, env = "AMQP_URL", global = true, hide_env_values = true, value_name = "URL",
          help_heading = HEADING, value_parser = setting::url(UrlOf::Broker))]
    amqp_url: Option<SecretString>,
}

#[derive(Debug, Clone, Args)]
pub struct ManagementOption {
    /// RabbitMQ's management API, as http://user:password@host:15672: `doctor` and a starting worker
    /// read policies, bindings and alarms there; off if not given
    #[arg(long, env = "RABBITMQ_MANAGEMENT_URL", global = true, hide_env_values = true, value_name = "URL",
          help_heading = HEADING, value_parser = setting::url(UrlOf::Management))]
    management_url: Option<SecretString>,
}

#[derive(Debug, Clone, Args)]
pub struct OperatorOption {
    /// Who you are, for the log of changes (`redeemq log`) [default: the user of the operating system]
    #[arg(long, env = "REDEEMQ_OPERATOR", global = true, value_name = "NAME", help_heading = "Log",
          value_parser = operator())]
    pub operator: Option<String>,
}

#[derive(Debug, Clone, Copy, Args)]
pub struct OutputOption {
    /// Print results as JSON
    #[arg(long, global = true, help_heading = "Output")]
    pub json: bool,
}

impl DatabaseOption {
    /// # Errors
    /// When it is not set.
    pub fn url(&self) -> Result<&SecretString, Missing> {
        given(self.database_url.as_ref()).ok_or(Missing {
            variable: "DATABASE_URL",
            flag: "--database-url",
            form: UrlOf::Database.example(),
        })
    }
}

impl StatementOption {
    pub fn limit(self) -> StatementLimit {
        StatementLimit::of(Duration::from_secs(self.statement_seconds.into()))
    }
}

impl BrokerOption {
    /// # Errors
    /// When it is not set.
    pub fn url(&self) -> Result<&SecretString, Missing> {
        given(self.amqp_url.as_ref()).ok_or(Missing {
            variable: "AMQP_URL",
            flag: "--amqp-url",
            form: UrlOf::Broker.example(),
        })
    }

    /// For commands that can do without: none as well where it is set to nothing.
    pub fn if_given(&self) -> Option<SecretString> {
        given(self.amqp_url.as_ref()).cloned()
    }
}

impl ManagementOption {
    /// None as well where it is set to nothing.
    pub fn if_given(&self) -> Option<SecretString> {
        given(self.management_url.as_ref()).cloned()
    }
}

/// A name of people; nothing counts as not set.
fn operator() -> impl clap::builder::TypedValueParser<Value = String> {
    setting::setting(
        "a name of 255 bytes at most, in UTF-8, without invisible characters",
        |text| {
            if text.trim().is_empty() { Some(String::new()) } else { owner::name(text).ok() }
        },
    )
}

/// An empty URL is none: it switches an optional server off.
pub(super) fn given(url: Option<&SecretString>) -> Option<&SecretString> {
    url.filter(|url| !url.expose_secret().is_empty())
}
