//! The binary: see `redeemq --help`.

use clap::Parser as _;
use redeemq::config::Cli;
use redeemq::{app, telemetry};
use std::process::ExitCode;

fn main() -> ExitCode {
    let Cli { config, command } = Cli::parse();
    telemetry::init(config.log_json);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let ended = runtime
        .map_err(anyhow::Error::from)
        .and_then(|runtime| runtime.block_on(app::run(command, config)));
    ended.unwrap_or_else(|error| {
        tracing::error!("{error:#}");
        ExitCode::from(2)
    })
}
