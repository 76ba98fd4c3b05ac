//! Runs the command that was given.

mod serve;
mod stop;

use crate::admin::doctor;
use crate::admin::operator::Operator;
use crate::admin::output::{Output, line};
use crate::config::Command;
use crate::config::operator::{Dead, Doctor, OnDatabase, Operate, Top};
use crate::secrets::option::SecretOption;
use crate::store::{self, Role};
use crate::{admin, telemetry};
use std::io::IsTerminal as _;
use std::process::ExitCode;

/// Does what the command line asks, to its end.
///
/// It waits here, not in the binary: futures are compiled where they are polled, and these are most of
/// the program.
///
/// # Errors
/// Each says what the reader can do.
pub fn run(command: Command) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let ended = runtime.block_on(execute(command));
    // A runtime that is dropped cancels its tasks one by one, and those of the broker's client library
    // that wait for another one panic. The process ends anyway.
    std::mem::forget(runtime);
    ended
}

async fn execute(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Serve(serve) => {
            serve::run(&serve.server, Some(&serve.ingress), Some(&serve.worker)).await
        }
        Command::Ingress(role) => serve::run(&role.server, Some(&role.ingress), None).await,
        Command::Worker(role) => serve::run(&role.server, None, Some(&role.worker)).await,
        Command::Migrate(on) => migrate(&on).await,
        Command::Doctor(command) => examine(&command).await,
        Command::Top(command) => top(command).await,
        Command::Dead(command) => dead(command).await,
        Command::Operate(command) => operate(command).await,
    }
}

async fn migrate(on: &OnDatabase) -> anyhow::Result<ExitCode> {
    store::migrate(&store::pool(on.database.url()?, Role::Admin, 1)?).await?;
    let done = serde_json::json!({"migrated": true});
    let text = |_: &_| vec![line(["the schema is up to date"])];
    Output::stdio(on.output.json).result(&done, text)?;
    Ok(ExitCode::SUCCESS)
}

async fn examine(command: &Doctor) -> anyhow::Result<ExitCode> {
    let connections = serve::connections(
        command.command.role,
        command.lanes,
        command.audit_every_seconds.is_some(),
    );
    let settings = command.settings(connections)?;
    Box::pin(doctor::run(settings, &mut Output::stdio(command.on.output.json))).await
}

async fn top(command: Top) -> anyhow::Result<ExitCode> {
    let mut output = Output::stdio(command.output.json);
    let settings = command.settings(std::io::stdout().is_terminal());
    // Log lines would garble the screen, which shows what is wrong itself.
    let _hushed = settings.live.then(telemetry::hush);
    let stop = async { drop(stop::signal().await) };
    Box::pin(admin::top::run(settings, stop, &mut output)).await
}

async fn dead(Dead { on, broker, operator, command }: Dead) -> anyhow::Result<ExitCode> {
    let operator =
        Operator::new(store::pool(on.database.url()?, Role::Admin, 2)?, operator.operator);
    let mut output = Output::stdio(on.output.json);
    admin::dead::run(command, broker.url()?, &operator, &mut output).await
}

async fn operate(command: Operate) -> anyhow::Result<ExitCode> {
    let (on, name, command) = command.split();
    let operator = Operator::new(store::pool(on.database.url()?, Role::Admin, 2)?, name);
    let secrets = command.secret().map(SecretOption::secrets).transpose()?.flatten();
    admin::run(command, &operator, secrets.as_ref(), &mut Output::stdio(on.output.json)).await
}
