//! The binary: see `redeemq --help`.

use clap::Parser as _;
use redeemq::config::Cli;
use redeemq::{app, telemetry};
use std::process::ExitCode;

fn main() -> ExitCode {
    let Cli { config, command } = Cli::parse();
    telemetry::init(config.log_json);
    app::run(command, config).unwrap_or_else(|error| {
        tracing::error!("{error:#}");
        ExitCode::from(2)
    })
}
