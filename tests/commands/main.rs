//! Every command that the pages tell their readers to type is one that works.

#![expect(unreachable_pub, reason = "a test binary has no outside")]

mod newest;
mod shell;
mod steps;
mod targets;
mod users;
mod views;

use clap::Parser as _;
use harness::blocks::{blocks, mentioned};
use harness::make::make;
use harness::places::root;
use redeemq::config::Cli;

/// Which file runs what `make` is told to do.
const TARGETS: [(&str, &str); 7] = [
    ("demo", "tests/commands/targets.rs"),
    ("test", "tests/commands/targets.rs"),
    ("prove", "tests/campaign.rs"),
    ("bench", "Makefile"),
    ("bench-quick", "tests/bench.rs"),
    ("check", ".ci/run"),
    ("test-all", ".ci/run"),
];

/// Which file runs every other block, found there by how it begins. Only hosts, passwords and users are
/// put in.
const BLOCKS: [(&str, &str); 12] = [
    ("redeemq migrate", "tests/commands/steps.rs"),
    ("curl -s http://127.0.0.1:8080", "tests/commands/steps.rs"),
    ("examples/clients/redeem.sh", "tests/commands/targets.rs"),
    ("python3 -m venv", "tests/commands/targets.rs"),
    ("npm install", "tests/commands/targets.rs"),
    ("redeemq top", "tests/commands/views.rs"),
    ("OTEL_EXPORTER_OTLP_ENDPOINT=", "tests/commands/views.rs"),
    ("PGOPTIONS=", "tests/commands/users.rs"),
    ("RABBITMQ_MANAGEMENT_URL=", "tests/commands/users.rs"),
    ("rabbitmq-plugins enable", "tests/broker/commands.rs"),
    ("rabbitmqctl add_user", "tests/broker/commands.rs"),
    ("deploy/kubernetes/secrets", "tests/kubernetes/pods.rs"),
];

#[test]
fn every_command_of_the_pages_is_run_by_a_test() {
    let runs = |place: &str, how: &[String]| {
        let text = std::fs::read_to_string(root().join(place)).expect(place);
        assert!(how.iter().any(|words| text.contains(words)), "{place} does not run {how:?}");
    };
    for block in blocks() {
        if !block[0].starts_with("make ") {
            let found = BLOCKS.iter().find(|(begins, _)| block[0].starts_with(begins));
            let (begins, place) = found.unwrap_or_else(|| panic!("no test runs: {block:?}"));
            runs(place, &[format!("\"{begins}")]);
            continue;
        }
        for command in block {
            let target = command.split_whitespace().nth(1).expect("a target");
            let found = TARGETS.iter().find(|(of, _)| *of == target);
            let (_, place) = found.unwrap_or_else(|| panic!("no test runs: {command}"));
            let (by_a_test, by_ci) = (format!("make(&[\"{target}\""), format!("\nmake {target}\n"));
            let by_make = format!("$(MAKE) --no-print-directory {target} ");
            runs(place, &[by_a_test, by_ci, by_make]);
        }
    }
}

#[test]
fn every_target_that_is_told_of_is_one_that_make_help_lists() {
    let help = make(&["help"]).output().expect("make runs");
    let help = String::from_utf8_lossy(&help.stdout).into_owned();
    let is_listed =
        |target: &str| help.lines().any(|line| line.split_whitespace().next() == Some(target));
    let in_blocks = blocks().into_iter().flatten().filter(|command| command.starts_with("make "));
    for command in in_blocks.chain(mentioned("make")) {
        let target = command.split_whitespace().nth(1).expect("a target");
        assert!(is_listed(target), "{command}, of: {help}");
    }
}

#[test]
fn every_command_of_redeemq_that_is_mentioned_is_one() {
    for command in mentioned("redeemq") {
        let words: Vec<&str> = command.split_whitespace().collect();
        let (before, choices) = match words.iter().position(|word| *word == "|") {
            Some(at) => (&words[..at - 1], words[at - 1..].split(|word| *word == "|").collect()),
            None => (&words[..], vec![&[][..]]),
        };
        for choice in choices {
            let whole = [before, choice, &["--help"]].concat();
            let told = Cli::try_parse_from(&whole).expect_err("help").kind();
            assert_eq!(told, clap::error::ErrorKind::DisplayHelp, "{command}: {whole:?}");
        }
    }
}

#[test]
fn the_readme_names_the_libraries_that_the_clients_name() {
    for (client, manager) in [("redeem.py", "pip install "), ("redeem.mjs", "npm install ")] {
        let text = std::fs::read_to_string(root().join("examples/clients").join(client));
        let text = text.expect(client);
        let line = text.lines().find_map(|line| line.split_once(manager)).expect(manager);
        let library = line.1.trim();
        let is_named = |command: &String| command.split_whitespace().any(|word| word == library);
        assert!(blocks().iter().flatten().any(is_named), "{library}");
    }
}
