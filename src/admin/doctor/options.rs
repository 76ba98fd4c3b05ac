//! What to examine.

use super::role::Role;
use crate::store::StatementLimit;
use clap::Args;
use secrecy::SecretString;

/// What to look at, with whose eyes.
#[derive(Debug, Clone, Copy, Args)]
pub struct DoctorCommand {
    /// The process whose users the URLs name: rights are judged by what it needs
    #[arg(long = "for", value_enum, default_value_t = Role::Serve)]
    pub role: Role,
    /// Read every id and code, and not a sample: whether any has white space around it or characters that
    /// nobody sees
    #[arg(long)]
    pub deep: bool,
}

/// Where everything is.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Whose place is taken.
    pub role: Role,
    /// Read every id and code.
    pub deep: bool,
    /// Postgres.
    pub database_url: SecretString,
    /// RabbitMQ.
    pub amqp_url: SecretString,
    /// Its management API, if one may ask there.
    pub management_url: Option<SecretString>,
    /// Bytes that may wait in a request queue.
    pub queue_bytes_max: u64,
    /// How long the database may take.
    pub statement_limit: StatementLimit,
    /// Connections to the database that a process of this role may open.
    pub connections: u32,
}
