//! `make bench`: how fast it is, measured so that anybody can repeat it on a machine of his own.
//!
//! Absolute numbers tell more of the machine than of the program, so everything is measured against
//! something that does less, in the same run, in turns: the broker without decisions, the database
//! without a broker, one transaction a job. What counts are the ratios, as medians with their spread.
//! docs/benchmarks.md says what each line means.
//!
//! `plan` sizes a run and `campaign` is its order. `bench` and `world` are the databases, the vhost and
//! what lies in them; `process` runs the real binary; `jobs`, `generator` and `reader` are the load. One
//! measurement each is in `broker_limit`, `database_limit`, `end_to_end`, `pgbench`, `latency` and `http`; `limits`
//! with `kinds`, `bounds`, `latencies`, `front`, `growth`, `imports` and `cost` take them in turns and write
//! them into the `book`, from which `targets`, `table` and `pictures` are made.

#![expect(unreachable_pub, reason = "a program has no outside")]

mod bench;
mod book;
mod bounds;
mod broker_limit;
mod caller;
mod campaign;
mod cost;
mod database_limit;
mod end_to_end;
mod front;
mod generator;
mod growth;
mod http;
mod imports;
mod jobs;
mod kinds;
mod latencies;
mod latency;
mod limits;
mod machine;
mod pgbench;
mod pictures;
mod plan;
mod proc;
mod process;
mod reader;
mod rig;
mod stats;
mod table;
mod targets;
mod world;

use broker_limit::Echo;
use clap::Parser as _;
use std::path::PathBuf;
use std::process::ExitCode;

/// Measures how fast redeemq is, against what limits it on this machine.
#[derive(Debug, Clone, clap::Parser)]
struct Arguments {
    /// Less than three minutes, with wider spreads.
    #[arg(long)]
    quick: bool,
    /// Seconds, quick or not: only whether everything can be measured. The numbers mean nothing.
    #[arg(long)]
    smoke: bool,
    /// Only these parts.
    #[arg(long, value_delimiter = ',')]
    only: Vec<campaign::Part>,
    /// Where the results go as JSON, and the pictures.
    #[arg(long, default_value = "target/bench")]
    folder: PathBuf,
    /// Where the pictures go, if not there.
    #[arg(long)]
    pictures: Option<PathBuf>,
    /// The name by which deploy/services knows the servers, if they are our own: Postgres is then
    /// started once more, to count statements.
    #[arg(long)]
    services: Option<String>,
    #[command(subcommand)]
    role: Option<Role>,
}

#[derive(Debug, Clone, clap::Subcommand)]
enum Role {
    /// The worker that decides nothing; the bench starts it.
    Echo(Echo),
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = match &arguments.role {
        Some(Role::Echo(echo)) => Box::pin(broker_limit::echo(echo)).await,
        None => Box::pin(campaign::run(&arguments)).await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            table::stopped(&error);
            ExitCode::from(2)
        }
    }
}
