//! The binary: see `redeemq --help`.

use redeemq::{app, config, telemetry};
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = config::read(std::env::args_os()).unwrap_or_else(|error| error.exit());
    telemetry::init(cli.log_json);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let ended = runtime
        .map_err(anyhow::Error::from)
        .and_then(|runtime| runtime.block_on(app::run(cli.command)));
    ended.unwrap_or_else(|error| {
        tracing::error!("{error:#}");
        ExitCode::from(2)
    })
}
