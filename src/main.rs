//! The binary: see `redeemq --help`.

use redeemq::{app, config, printable, telemetry};
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = config::read(std::env::args_os()).unwrap_or_else(|error| refuse(&error));
    telemetry::init(cli.log_json);
    app::run(cli.command).unwrap_or_else(|error| {
        tracing::error!("{error:#}");
        ExitCode::from(2)
    })
}

/// What was typed is quoted, and may hold what no terminal should meet: then it is escaped, without colours.
fn refuse(error: &clap::Error) -> ! {
    let text = error.render().to_string();
    if text.lines().all(|line| line.chars().all(printable::is_printable)) {
        error.exit();
    }
    for line in text.lines() {
        eprintln!("{}", printable::text(line));
    }
    std::process::exit(error.exit_code())
}
