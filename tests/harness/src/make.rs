//! `make`, as a reader types it; only that what it builds is optimised no better than the tests are.

use super::places::root;
use std::process::Command;

/// A command that is `make` with these arguments.
pub fn make(arguments: &[&str]) -> Command {
    let mut command = Command::new("make");
    command.current_dir(root()).args(arguments);
    command.arg(if cfg!(debug_assertions) { "PROFILE=dev" } else { "PROFILE=release" });
    command.arg("AMONG=--workspace --test protocol"); // features of crates are chosen with the tests' own
    // What cargo tells this test of its package, build scripts of others would take for a change: they,
    // and all that stands on them, would be built anew each time.
    for (name, _) in std::env::vars_os() {
        let told = name.to_string_lossy();
        if told.starts_with("CARGO_PKG_") || told.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&name);
        }
    }
    command
}
