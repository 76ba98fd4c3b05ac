//! Programs of `examples/` that have tests of their own.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Where the program is; `cargo test` has built its tests, but not the program itself.
pub(crate) fn built(name: &str) -> PathBuf {
    let mut command = Command::new(env!("CARGO"));
    command.args(["build", "--example", name]);
    if !cfg!(debug_assertions) {
        command.arg("--release");
    }
    // What cargo tells this test of its package, build scripts of others would take for a change: they,
    // and all that stands on them, would be built anew each time.
    for (name, _) in std::env::vars_os() {
        let told = name.to_string_lossy();
        if told.starts_with("CARGO_PKG_") || told.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&name);
        }
    }
    assert!(command.status().expect("cargo runs").success());
    Path::new(env!("CARGO_BIN_EXE_redeemq")).with_file_name("examples").join(name)
}
