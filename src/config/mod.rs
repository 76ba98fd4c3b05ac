//! The command line and the environment: read once, here and nowhere else.

pub mod answers;
pub mod connection;
pub mod ingress;
pub mod observability;
pub mod operator;
mod overview;
pub mod server;
mod suggestion;
#[cfg(test)]
mod tests;
pub mod worker;

use crate::setting::{self, UrlOf};
use clap::{Args, Parser, Subcommand};
use operator::{Dead, Doctor, OnDatabase, Operate, Top};
use secrecy::SecretString;
use server::{Ingress, Serve, Worker};
use std::ffi::OsString;

/// Redeems goods, coupon codes and sponsor rewards: an HTTP ingress, workers, and the operator's tools
#[derive(Debug, Parser)]
#[command(name = "redeemq", version, arg_required_else_help = true, help_template = overview::template(
    &Command::augment_subcommands(clap::Command::new("redeemq"))))]
pub struct Cli {
    /// Write log lines and errors as JSON
    #[arg(long, env = "REDEEMQ_LOG_JSON", global = true, help_heading = "Output",
          value_parser = setting::boolean())]
    pub log_json: bool,
    #[command(flatten)]
    _before: Before,
    #[command(subcommand)]
    pub command: Command,
}

/// Options of commands that may also stand before the command: clap hands them on to the argument of
/// the same name.
#[derive(Debug, Args)]
struct Before {
    #[arg(long, hide = true, value_parser = setting::url(UrlOf::Database))]
    database_url: Option<SecretString>,
    #[arg(long, hide = true, value_parser = setting::url(UrlOf::Broker))]
    amqp_url: Option<SecretString>,
    #[arg(long, hide = true, value_parser = setting::url(UrlOf::Management))]
    management_url: Option<SecretString>,
    #[arg(long, hide = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run ingress and worker in one process
    Serve(Box<Serve>),
    /// Run the HTTP ingress
    Ingress(Box<Ingress>),
    /// Run a worker
    Worker(Box<Worker>),
    /// Check servers, settings and rights; exit 1 if something needs attention
    Doctor(Doctor),
    /// Watch rates, latencies, queues, lanes, campaigns and refusals
    Top(Top),
    /// Dead letters: jobs that could not be decided
    Dead(Dead),
    /// Bring the database schema up to date
    Migrate(OnDatabase),
    #[command(flatten)]
    Operate(Operate),
}

/// Reads the command line and the environment.
///
/// # Errors
/// What is wrong with them, and also the help that was asked for: [`clap::Error::exit`] prints either.
pub fn read(arguments: impl IntoIterator<Item = OsString>) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(arguments).map_err(suggestion::only_if_similar)
}
