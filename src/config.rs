//! The command line and the environment: read once, here, and nowhere else.

use crate::broker::topology;
use crate::broker::topology::lanes;
use crate::secrets::Secrets;
use crate::{admin, ingress, worker};
use answers::Answers;
use clap::{Args, Parser, Subcommand};
use collector::Collector;
use door::Door;
use secrecy::{ExposeSecret as _, SecretString};
use std::net::SocketAddr;
use std::time::Duration;

pub mod answers;
pub mod collector;
pub mod door;

/// Redeems goods, coupon codes and sponsor rewards: an HTTP ingress, workers, and the tools beside them.
#[derive(Debug, Parser)]
#[command(name = "redeemq", version, arg_required_else_help = true)]
pub struct Cli {
    /// Where everything is.
    #[command(flatten)]
    pub config: Config,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Bring the database schema up to date.
    Migrate,
    /// Run ingress and worker in one process.
    Serve,
    /// Run the HTTP ingress.
    Ingress,
    /// Run a worker.
    Worker,
    /// What could not become a decision.
    #[command(subcommand)]
    Dead(admin::dead::Command),
    /// Look for what would break a promise before it does; exit 1 where there is something to mend.
    Doctor(admin::doctor::DoctorCommand),
    /// Watch rates, latencies, queues, lanes, campaigns and refusals as they are now.
    Top(admin::top::TopCommand),
    /// Clients, goods, coupons, players, branches, and the audit.
    #[command(flatten)]
    Admin(admin::Command),
}

/// Settings; each is a flag and an environment variable.
#[derive(Debug, Clone, Args)]
pub struct Config {
    /// Postgres, as postgres://user:password@host:port/database.
    #[arg(long, env = "DATABASE_URL", global = true, hide_env_values = true, value_parser = secret)]
    pub database_url: Option<SecretString>,
    /// RabbitMQ, as amqp://user:password@host:port/vhost (the default vhost is %2f); amqps for TLS.
    #[arg(long, env = "AMQP_URL", global = true, hide_env_values = true, value_parser = secret)]
    pub amqp_url: Option<SecretString>,
    /// RabbitMQ's management API, as http://user:password@host:15672: tells `doctor` and a starting
    /// worker of policies, bindings and alarms; off if not given.
    #[arg(long, env = "RABBITMQ_MANAGEMENT_URL", global = true, hide_env_values = true, value_parser = secret)]
    pub management_url: Option<SecretString>,
    /// Secrets of 32 bytes or more, comma-separated: the first signs, all verify.
    #[arg(long, env = "REDEEMQ_SECRET", global = true, hide_env_values = true, value_parser = secret)]
    pub secret: Option<SecretString>,
    /// Where the ingress listens.
    #[arg(long, env = "REDEEMQ_HTTP_ADDR", global = true, default_value = "127.0.0.1:8080")]
    pub http_addr: SocketAddr,
    /// Whom the ingress lets in.
    #[command(flatten)]
    pub door: Door,
    /// How callers are answered.
    #[command(flatten)]
    pub answers: Answers,
    /// Where /metrics is served.
    #[arg(long, env = "REDEEMQ_METRICS_ADDR", global = true, default_value = "127.0.0.1:9464")]
    pub metrics_addr: SocketAddr,
    /// Most jobs that a worker decides in one transaction.
    #[arg(long, env = "REDEEMQ_BATCH_MAX", global = true, default_value_t = worker::BATCH_MAX as u16,
          value_parser = clap::value_parser!(u16).range(1..=5_000))]
    pub batch_max: u16,
    /// Bytes that may wait in a request queue before publishers are refused; fixed when first declared.
    #[arg(long, env = "REDEEMQ_QUEUE_BYTES", global = true, default_value_t = topology::QUEUE_BYTES_MAX)]
    pub queue_bytes: u64,
    /// Spread requests over so many queues by what they contend for, from now on and for all workers; 1
    /// is one queue again. Not given, the broker's lanes stay as they are. Needs the broker's plugin
    /// rabbitmq_consistent_hash_exchange.
    #[arg(long, env = "REDEEMQ_LANES", global = true, value_parser = clap::value_parser!(u16).range(1..=i64::from(lanes::LANES_MAX)))]
    pub lanes: Option<u16>,
    /// Refuse jobs that were accepted more than this many seconds ago (3004); off if not given.
    #[arg(long, env = "REDEEMQ_AGE_MAX_SECONDS", global = true)]
    pub age_max_seconds: Option<u32>,
    /// A worker audits the books every so many seconds, for the metric redeemq_audit_broken; it reads
    /// the whole ledger, so every hour is often. Off if not given.
    #[arg(long, env = "REDEEMQ_AUDIT_EVERY_SECONDS", global = true, value_parser = clap::value_parser!(u32).range(1..))]
    pub audit_every_seconds: Option<u32>,
    /// How often queues and watched goods are looked at for the metrics, in seconds; 0 is never.
    #[arg(long, env = "REDEEMQ_LOOK_EVERY_SECONDS", global = true, default_value_t = 5)]
    pub look_every_seconds: u32,
    /// Where traces go.
    #[command(flatten)]
    pub collector: Collector,
    /// Log lines as JSON.
    #[arg(long, env = "REDEEMQ_LOG_JSON", global = true)]
    pub log_json: bool,
    /// Print results as JSON.
    #[arg(long, global = true)]
    pub json: bool,
}

#[expect(clippy::unnecessary_wraps, reason = "the shape that clap asks for")]
fn secret(text: &str) -> Result<SecretString, std::convert::Infallible> {
    Ok(text.to_owned().into())
}

/// A setting that is needed and missing.
#[derive(Debug, thiserror::Error)]
#[error("{variable} is not set: {hint}")]
pub struct Missing {
    variable: &'static str,
    hint: &'static str,
}

impl Config {
    /// The database.
    ///
    /// # Errors
    /// When it is not set.
    pub fn database_url(&self) -> Result<&SecretString, Missing> {
        let hint = "name the database, as postgres://user:password@host:5432/redeemq";
        self.database_url.as_ref().ok_or(Missing { variable: "DATABASE_URL", hint })
    }

    /// The broker.
    ///
    /// # Errors
    /// When it is not set.
    pub fn amqp_url(&self) -> Result<&SecretString, Missing> {
        let hint = "name the broker, as amqp://user:password@host:5672/%2f";
        self.amqp_url.as_ref().ok_or(Missing { variable: "AMQP_URL", hint })
    }

    /// The secrets.
    ///
    /// # Errors
    /// When they are not set, or one is too short.
    pub fn secrets(&self) -> anyhow::Result<Secrets> {
        let hint = "make one with `openssl rand -hex 32`, and give every ingress and every command the same";
        let list = self.secret.as_ref().ok_or(Missing { variable: "REDEEMQ_SECRET", hint })?;
        Ok(Secrets::parse(list)?)
    }

    /// How an ingress runs.
    ///
    /// # Errors
    /// When the broker is not set.
    pub fn ingress(&self) -> Result<ingress::Settings, Missing> {
        Ok(ingress::Settings {
            amqp_url: self.amqp_url()?.clone(),
            http_addr: self.http_addr,
            queue_bytes_max: self.queue_bytes,
            connections_max: self.door.connections_max.into(),
            idle_max: self.door.idle_max(),
            limits: self.door.limits(),
            answers: self.answers.answers,
            sync_wait: self.answers.sync_wait(),
        })
    }

    /// What `doctor` looks at, for a process that may open so many connections to the database.
    ///
    /// # Errors
    /// When a server is not set.
    pub fn doctor(
        &self,
        role: admin::doctor::Role,
        connections: u32,
    ) -> Result<admin::doctor::Settings, Missing> {
        Ok(admin::doctor::Settings {
            role,
            database_url: self.database_url()?.clone(),
            amqp_url: self.amqp_url()?.clone(),
            management_url: self
                .management_url
                .clone()
                .filter(|url| !url.expose_secret().is_empty()),
            queue_bytes_max: self.queue_bytes,
            connections,
        })
    }

    /// What `top` looks at; live where somebody can see it.
    pub fn top(&self, command: admin::top::TopCommand, terminal: bool) -> admin::top::Settings {
        let admin::top::TopCommand { metrics, every, once, no_color } = command;
        let ours = || self.metrics_addr.into();
        let is_given = |url: &SecretString| !url.expose_secret().is_empty();
        admin::top::Settings {
            endpoints: if metrics.is_empty() { vec![ours()] } else { metrics },
            amqp_url: self.amqp_url.clone().filter(is_given),
            every: Duration::from_secs(every.into()),
            live: terminal && !once && !self.json,
            colours: no_color.is_none_or(|set| set.is_empty()),
        }
    }

    /// How often queues and watched goods are looked at, if at all.
    pub fn look_every(&self) -> Option<Duration> {
        (self.look_every_seconds > 0).then(|| Duration::from_secs(self.look_every_seconds.into()))
    }

    /// How a worker runs.
    ///
    /// # Errors
    /// When the broker is not set.
    pub fn worker(&self) -> Result<worker::Settings, Missing> {
        Ok(worker::Settings {
            amqp_url: self.amqp_url()?.clone(),
            batch_max: usize::from(self.batch_max),
            queue_bytes_max: self.queue_bytes,
            lanes: self.lanes,
            look_every: self.look_every(),
            age_max: self.age_max_seconds.map(|s| time::Duration::seconds(s.into())),
        })
    }
}
