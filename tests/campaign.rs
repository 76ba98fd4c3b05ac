//! A short campaign of `make prove`, on servers of its own: every promise, while everything dies.
//! The seed is drawn anew each time and printed with the account.

#![expect(clippy::print_stdout, reason = "the account is shown when it fails")]

mod example;

use std::process::Command;

#[test]
fn a_minute_of_faults_breaks_no_promise() {
    let prove = example::built("prove");
    let mut command = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/services"));
    command.args(["with", "campaign", "--"]).arg(prove);
    command.args(["--services", "campaign", "--jobs", "20000", "--seconds", "60"]);
    // Not the servers of the other tests: these are killed.
    for url in ["DATABASE_URL", "AMQP_URL", "RABBITMQ_MANAGEMENT_URL", "REDEEMQ_SERVICES"] {
        command.env_remove(url);
    }
    let output = command.output().expect("deploy/services runs");
    let account = String::from_utf8_lossy(&output.stdout);
    println!("{account}");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{account}\n{said}");
}
