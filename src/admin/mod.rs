//! What an operator does: clients, goods, codes, players, branches, and the audit.
//!
//! A command ends with 0 when all is well, with 1 when it ran and something is wrong (bad rows in a
//! file, a broken promise), and with an error, which is 2, when it could not run.

pub mod audit;
pub mod branch;
pub mod client;
pub mod dead;
pub mod doctor;
pub mod import;
pub mod log;
pub mod operator;
pub mod output;
pub mod owner;
mod span;
pub mod top;
pub mod watch;

use crate::secrets::Secrets;
use crate::secrets::option::SecretOption;
use crate::store::error::{UNTRUSTED, is_untrusted};
use anyhow::anyhow;
use operator::Operator;
use output::Output;
use std::process::ExitCode;

/// The operator's commands on the database.
#[derive(Debug)]
pub enum Command {
    Client(client::ClientCommand),
    Goods(import::goods::GoodsCommand),
    Coupons(import::coupons::CouponsCommand),
    Players(import::players::PlayersCommand),
    Branch(branch::BranchCommand),
    Audit,
    Log(log::LogCommand),
}

impl Command {
    /// The setting of the secrets, of a command that needs them.
    pub fn secret(&self) -> Option<&SecretOption> {
        match self {
            Command::Branch(command) => command.secret(),
            _ => None,
        }
    }
}

/// Runs a command. Secrets are needed for the PINs of `branch create` and `branch new-pin` only.
///
/// # Errors
/// Whatever kept it from running, with what the reader can do about it: print it with `{:#}` to
/// stderr and exit with 2.
pub async fn run(
    command: Command,
    operator: &Operator,
    secrets: Option<&Secrets>,
    output: &mut Output,
) -> anyhow::Result<ExitCode> {
    let done = match command {
        Command::Client(command) => client::run(command, operator, output).await.map(success),
        Command::Branch(command) => {
            branch::run(command, operator, secrets, output).await.map(success)
        }
        Command::Goods(command) => import::goods::run(command, operator, output).await,
        Command::Coupons(command) => import::coupons::run(command, operator, output).await,
        Command::Players(command) => import::players::run(command, operator, output).await,
        Command::Audit => audit::run(&operator.store, output).await,
        Command::Log(command) => log::run(command, &operator.store, output).await.map(success),
    };
    done.map_err(explain)
}

fn success((): ()) -> ExitCode {
    ExitCode::SUCCESS
}

/// Says what to do about a database that doesn't play along.
fn explain(error: anyhow::Error) -> anyhow::Error {
    let Some(cause) = error.chain().find_map(|cause| cause.downcast_ref::<sqlx::Error>()) else {
        return error;
    };
    let advice = match cause {
        cause if is_untrusted(cause) => UNTRUSTED,
        sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut => {
            "cannot reach the database: check that it runs and that DATABASE_URL is right"
        }
        sqlx::Error::Database(cause) => match cause.code().as_deref() {
            Some("42P01" | "42703") => {
                "the schema is missing or out of date: run `redeemq migrate`"
            }
            Some("42501") => {
                "the database user lacks rights: use the operator's DATABASE_URL, and run deploy/roles.sql after each `redeemq migrate`"
            }
            Some("3D000" | "28000" | "28P01") => {
                "the database rejected the login: check DATABASE_URL"
            }
            _ => return error,
        },
        _ => return error,
    };
    let context = error.to_string();
    let cause = cause.to_string();
    if context.contains(&cause) {
        anyhow!("{advice} ({cause})")
    } else {
        anyhow!("{context}: {advice} ({cause})")
    }
}
