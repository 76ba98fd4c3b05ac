//! The three servers: what they share, and what each adds.

use super::connection::{BrokerOption, DatabaseOption, Missing, StatementOption};
use super::ingress::IngressOptions;
use super::observability::{MetricsOptions, TraceOptions};
use super::worker::WorkerOptions;
use crate::admin::doctor::{self, Role};
use crate::broker::topology::QUEUE_BYTES_MAX;
use crate::secrets::option::SecretOption;
use crate::store::StatementLimit;
use crate::{ingress, setting, worker};
use clap::Args;

/// What every server takes.
#[derive(Debug, Clone, Args)]
pub struct Server {
    #[command(flatten)]
    pub database: DatabaseOption,
    #[command(flatten)]
    pub broker: BrokerOption,
    /// A worker needs it too, so that a missing one is found at the start and not at a rotation.
    #[command(flatten)]
    pub secret: SecretOption,
    #[command(flatten)]
    statement: StatementOption,
    /// Bytes that may wait in a request queue before publishers are refused; fixed when first declared
    #[arg(long, env = "REDEEMQ_QUEUE_BYTES", value_name = "BYTES", default_value_t = QUEUE_BYTES_MAX,
          help_heading = "Queues", value_parser = setting::whole(0..=u64::MAX))]
    queue_bytes: u64,
    #[command(flatten)]
    pub metrics: MetricsOptions,
    #[command(flatten)]
    pub traces: TraceOptions,
}

/// `redeemq serve`.
#[derive(Debug, Args)]
pub struct Serve {
    #[command(flatten)]
    pub server: Server,
    #[command(flatten)]
    pub ingress: IngressOptions,
    #[command(flatten)]
    pub worker: WorkerOptions,
}

/// `redeemq ingress`.
#[derive(Debug, Args)]
pub struct Ingress {
    #[command(flatten)]
    pub server: Server,
    #[command(flatten)]
    pub ingress: IngressOptions,
}

/// `redeemq worker`.
#[derive(Debug, Args)]
pub struct Worker {
    #[command(flatten)]
    pub server: Server,
    #[command(flatten)]
    pub worker: WorkerOptions,
}

impl Server {
    /// How long the database may take.
    pub fn statement_limit(&self) -> StatementLimit {
        self.statement.limit()
    }

    /// # Errors
    /// When the broker is not set.
    pub fn ingress(&self, options: &IngressOptions) -> Result<ingress::Settings, Missing> {
        Ok(ingress::Settings {
            amqp_url: self.broker.url()?.clone(),
            http_addr: options.http_addr,
            queue_bytes_max: self.queue_bytes,
            connections_max: options.connections_max.into(),
            address_max: options.address_max(),
            idle_max: options.idle_max(),
            limits: options.limits(),
            cors_origins: options.answers.cors_origins.clone(),
            answers: options.answers.answers,
            statement_limit: self.statement_limit(),
            sync_wait: options.answers.sync_wait(),
        })
    }

    /// # Errors
    /// When the broker is not set.
    pub fn worker(&self, options: &WorkerOptions) -> Result<worker::Settings, Missing> {
        Ok(worker::Settings {
            amqp_url: self.broker.url()?.clone(),
            batch_max: usize::from(options.batch_max),
            queue_bytes_max: self.queue_bytes,
            lanes: options.lanes,
            look_every: self.metrics.look_every(),
            age_max: options.age_max(),
            statement_limit: self.statement_limit(),
        })
    }

    /// What a worker in this role checks before it starts.
    ///
    /// # Errors
    /// When database or broker are not set.
    pub fn preflight(
        &self,
        options: &WorkerOptions,
        role: Role,
        connections: u32,
    ) -> Result<doctor::Settings, Missing> {
        Ok(doctor::Settings {
            role,
            deep: false,
            database_url: self.database.url()?.clone(),
            amqp_url: self.broker.url()?.clone(),
            management_url: options.management.if_given(),
            queue_bytes_max: self.queue_bytes,
            statement_limit: self.statement_limit(),
            connections,
        })
    }
}
