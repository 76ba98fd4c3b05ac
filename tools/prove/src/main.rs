//! `make prove`: real servers, real processes, real clients, while everything that can die dies.
//!
//! Starts two ingresses and two workers, each on lines of its own to a broker and a database that
//! serve nobody else; loads them as client sites do; breaks one thing after another at random; and
//! judges the outcome by what the clients saw. Exits 1 unless every promise was kept.
//!
//! `world` is what there is to be had; `history` what was seen; `checker` the judge, pure and tested.
//! `sites`, `publishers`, `reader`, `mirror` are the clients; `nemesis` breaks things; `system` and
//! the harness's `servers` are what it breaks; `campaign` runs them all, `last` asks the last questions, and
//! `report` prints the account.

#![expect(unreachable_pub, reason = "a program has no outside")]

mod answer;
mod campaign;
mod checker;
mod history;
mod last;
mod mirror;
mod nemesis;
mod publishers;
mod reader;
mod report;
mod shared_client;
mod sites;
mod system;
mod world;

use clap::Parser as _;
use std::process::ExitCode;

/// Proves, on real servers and under faults, that nothing is lost, nothing twice, nothing over.
#[derive(Debug, Clone, clap::Parser)]
struct Arguments {
    /// Jobs that the clients send, at least.
    #[arg(long, default_value_t = 30_000)]
    jobs: u64,
    /// How long faults strike, in seconds: the jobs are spread over it, and go on after it if need be.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Chooses jobs and faults; the same seed draws the same. Drawn at random if not given.
    #[arg(long)]
    seed: Option<u64>,
    /// The name by which deploy/services knows the servers, to kill and revive them.
    #[arg(long, default_value = "prove")]
    services: String,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let seed = arguments.seed.unwrap_or_else(|| rand::random_range(1..1_000_000));
    report::begin(seed, arguments.jobs, arguments.seconds);
    match campaign::run(&arguments, seed).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            report::stopped(&error, seed);
            ExitCode::from(2)
        }
    }
}
