//! The programs, with the libraries that they say they need.

use harness::tools;
use std::path::PathBuf;
use std::process::Command;

const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/clients/");

/// What the client says must be installed for it.
fn needed(file: &str, command: &str) -> String {
    let text = std::fs::read_to_string(format!("{EXAMPLES}{file}")).expect(file);
    let line = text.lines().find_map(|line| line.split_once(command));
    line.unwrap_or_else(|| panic!("{file} does not say {command}")).1.trim().to_owned()
}

pub fn python() -> Command {
    let packages = needed("redeem.py", "pip install ");
    let mut command = Command::new(tools::python("client-python", &[&packages]).join("python"));
    command.arg(format!("{EXAMPLES}redeem.py"));
    command
}

pub fn node() -> Command {
    let folder = tools::node("client-node", &needed("redeem.mjs", "npm install "));
    // Modules are looked for beside the program.
    let program: PathBuf = folder.join("redeem.mjs");
    std::fs::copy(format!("{EXAMPLES}redeem.mjs"), &program).expect("copied");
    let mut command = Command::new("node");
    command.arg(program);
    command
}

pub fn curl() -> Command {
    Command::new(format!("{EXAMPLES}redeem.sh"))
}
