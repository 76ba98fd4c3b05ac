//! The binary: see `redeemq --help`.

use redeemq::{app, config, telemetry};
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = config::read(std::env::args_os()).unwrap_or_else(|error| error.exit());
    telemetry::init(cli.log_json);
    app::run(cli.command).unwrap_or_else(|error| {
        tracing::error!("{error:#}");
        ExitCode::from(2)
    })
}
