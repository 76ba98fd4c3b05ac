//! Where things are: the checkout, the binary under test, the scripts, a folder for what tests leave.

use std::path::{Path, PathBuf};

/// The checkout.
pub fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// The binary under test. Cargo builds it before the tests of its package, and tells them where it is.
pub fn binary() -> PathBuf {
    let told = std::env::var_os("CARGO_BIN_EXE_redeemq");
    told.expect("CARGO_BIN_EXE_redeemq is not set: run the tests with cargo").into()
}

/// A script of `deploy/`.
pub fn script(name: &str) -> PathBuf {
    root().join("deploy").join(name)
}

/// Where tests may leave files: `target/tmp`, which Cargo makes for the tests of the package.
pub fn scratch() -> PathBuf {
    let program = std::env::current_exe().expect("a path");
    program.ancestors().nth(3).expect("target/debug/deps/").join("tmp")
}
