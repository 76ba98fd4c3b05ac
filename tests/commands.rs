//! Every command that README and docs tell their readers to type is one that works.

#![expect(unreachable_pub, reason = "a test binary has no outside")]

#[path = "it/harness/mod.rs"]
#[allow(dead_code, unused_imports, reason = "what other targets need of it")]
mod harness;

#[path = "commands/blocks.rs"]
mod blocks;
mod example;
#[path = "commands/shell.rs"]
mod shell;

use blocks::{block, blocks, mentioned, root};
use clap::Parser as _;
use harness::Site;
use harness::rights::{PASSWORD, as_user, remove_broker_user};
use harness::site::{management, server};
use redeemq::config::Cli;
use serde_json::Value;
use shell::{BLANK, Shell, after, with_passwords};
use std::collections::HashMap;
use std::path::Path;
use std::process::Command;

/// How a block begins that a test of this file runs.
const RUN_HERE: [&str; 5] = [
    "curl -s http://127.0.0.1:8080/Redeem/goods",
    "redeemq migrate",
    "PGOPTIONS=",
    "RABBITMQ_MANAGEMENT_URL=",
    "rabbitmqctl add_user",
];

/// Where a command is run that is none of these: it, or what it is a name for.
const RUN_ELSEWHERE: [(&str, &str); 15] = [
    ("make demo", "tests/commands.rs"),
    ("make test", ".ci/run"),
    ("make lint", ".ci/run"),
    ("make prove", "tests/campaign.rs"),
    ("make bench", "tests/bench.rs"),
    ("make help", "tests/commands.rs"),
    ("examples/clients/redeem.sh", "tests/clients.rs"),
    ("python3 -m venv", "tests/clients/programs.rs"),
    ("target/python/bin/python", "tests/clients/programs.rs"),
    ("npm install", "tests/clients/programs.rs"),
    ("node target/node", "tests/clients/programs.rs"),
    ("rabbitmq-plugins enable", "tests/broker/lanes.rs"),
    ("redeemq worker --lanes", "tests/broker/lanes.rs"),
    ("redeemq top", "tests/it/top.rs"),
    ("OTEL_EXPORTER_OTLP_ENDPOINT=", "tests/it/traces.rs"),
];

/// Where tests may leave files.
fn scratch() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR"))
}

#[test]
fn every_command_of_readme_and_docs_is_run_by_a_test() {
    for block in blocks() {
        if RUN_HERE.iter().any(|begins| block[0].starts_with(begins)) {
            continue;
        }
        for command in block {
            let place = RUN_ELSEWHERE.iter().find(|(begins, _)| command.starts_with(begins));
            let (_, place) = place.unwrap_or_else(|| panic!("no test runs: {command}"));
            assert!(root().join(place).exists(), "{place}");
        }
    }
}

#[test]
fn every_target_that_is_told_of_is_one_that_make_help_lists() {
    let help = Command::new("make").arg("help").current_dir(root()).output().expect("make runs");
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

/// From an empty database to a decision.
#[tokio::test]
async fn the_first_steps_of_the_readme_lead_to_a_decision() {
    let site = Site::open().await;
    let shell = Shell::of(&site, &[]);
    let process = site.serve().await;
    let here = process.http.trim_start_matches("http://");
    let (mut key, mut secret, mut token) = (String::new(), String::new(), String::new());
    for command in block("redeemq migrate") {
        let command = command
            .replace("localhost:8080", here)
            .replace(&format!("api_key={BLANK}"), &format!("api_key={key}"))
            .replace(&format!("api_secret={BLANK}"), &format!("api_secret={secret}"));
        let said = shell.run(&command);
        if command.contains("client create") {
            (key, secret) = (after(&said, "api_key").into(), after(&said, "api_secret").into());
        }
        if command.contains("/Auth") {
            let answer: Value = serde_json::from_str(&said).expect("JSON");
            token = answer["response"]["token"].as_str().expect("a token").to_owned();
        }
    }
    let shell = Shell::of(&site, &[("TOKEN", &token)]);
    let [first] = block("curl -s http://127.0.0.1:8080").try_into().expect("one command");
    let answer: Value =
        serde_json::from_str(&shell.run(&first.replace("127.0.0.1:8080", here))).expect("JSON");
    assert_eq!(answer["error_code"], "0000", "{answer}");
    assert_eq!(answer["response"]["events"][0]["goods_data"]["goods_id"], "espresso");
    site.close().await;
}

/// Under other names: the server may have the real users, with passwords of their own.
#[tokio::test]
async fn the_users_of_the_database_are_made_as_the_page_says() {
    let site = Site::open().await;
    let folder = scratch().join(&site.name);
    std::fs::create_dir_all(folder.join("deploy")).expect("a folder");
    let script = harness::rights::script();
    std::fs::write(folder.join("deploy/roles.sql"), script).expect("a script");
    let [command] = block("PGOPTIONS=").try_into().expect("one command");
    Shell::of(&site, &[]).run_in(&folder, &with_passwords(&command));
    let worker = as_user(&site.database_url, "redeemq_test_worker", PASSWORD);
    let as_worker = Shell::of(&site, &[("DATABASE_URL", &worker)]);
    let told = as_worker.run("redeemq doctor --for worker || true");
    assert!(told.contains("broker") && !told.contains("lacks"), "{told}");
    std::fs::remove_dir_all(folder).expect("removed");
    site.close().await;
}

async fn rights(site: &Site, kind: &str, user: &str) -> Value {
    let path = format!("{kind}/{}/{user}", site.name);
    let answer = management(reqwest::Method::GET, &path, None).await.expect("an answer");
    answer.json().await.expect("JSON")
}

/// By the script, and the same by hand.
#[tokio::test]
async fn the_users_of_the_broker_are_made_as_the_page_says() {
    let site = Site::open().await;
    let (url, prefix) = (server("RABBITMQ_MANAGEMENT_URL"), format!("{}_", site.name));
    let names = [("AMQP_VHOST", site.name.as_str()), ("BROKER_USER_PREFIX", prefix.as_str())];
    let shell = Shell::of(&site, &names);
    for begins in ["RABBITMQ_MANAGEMENT_URL=http", "RABBITMQ_MANAGEMENT_URL=… CLIENT"] {
        let [command] = block(begins).try_into().expect("one command");
        let (_, rest) = command.split_once(' ').expect("further words");
        shell.run(&with_passwords(&format!("RABBITMQ_MANAGEMENT_URL={url} {rest}")));
    }
    let user = format!("{prefix}client_acme");
    let by_hand: HashMap<String, Vec<String>> = block("rabbitmqctl add_user")
        .iter()
        .map(|line| {
            let words = line.split_whitespace().map(|word| word.trim_matches('\'').to_owned());
            let words: Vec<String> = words.collect();
            (words[1].clone(), words[3..].to_vec())
        })
        .collect();
    let permissions = rights(&site, "permissions", &user).await;
    assert_eq!(
        by_hand["set_permissions"],
        ["configure", "write", "read"].map(|right| permissions[right].as_str().expect("a right"))
    );
    let on_topic = &rights(&site, "topic-permissions", &user).await[0];
    assert_eq!(
        by_hand["set_topic_permissions"],
        ["exchange", "write", "read"].map(|right| on_topic[right].as_str().expect("a right"))
    );
    for user in ["ingress", "worker", "operator", "client_acme"] {
        remove_broker_user(&site.name, user).await;
    }
    site.close().await;
}

/// `make demo` and `make run` are servers around this.
fn demo(name: &str, arguments: &[&str]) -> String {
    let pid = scratch().join(name);
    let mut demo = Command::new(example::built("demo"));
    demo.args(arguments).env("REDEEMQ_DEMO_NAME", name).env("REDEEMQ_RUN_PID", pid);
    let output = demo.output().expect("the demo runs");
    let page = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{page}{}", String::from_utf8_lossy(&output.stderr));
    page.into_owned()
}

#[tokio::test]
async fn the_demo_plays_to_its_end() {
    let site = Site::open().await;
    let page = demo(&site.name, &[]);
    assert!(page.contains("checks, 0 broken"), "{page}");
    site.close().await;
}

#[tokio::test]
async fn what_make_run_prints_can_be_pasted() {
    let site = Site::open().await;
    let page = demo(&site.name, &["--stay"]);
    let shell = Shell::of(&site, &[]);
    let curl = page.find("curl -s").expect("a curl line");
    let (curl, _) = page[curl..].split_once("\n\n").expect("an end");
    let exports: Vec<&str> = page.lines().filter(|line| line.starts_with("export ")).collect();
    let client = format!("{}\nexamples/clients/redeem.sh espresso alice", exports.join("\n"));
    let operator = format!("{}\nredeemq client list --json", exports.join("\n"));
    let said = [curl, &client, &operator].map(|command| shell.run(command));
    let pid = scratch().join(&site.name);
    shell.run(&format!("kill $(cat {0}) && rm {0}", pid.display()));
    for answer in &said[..2] {
        assert!(answer.contains(r#""error_code":"0000""#), "{answer}");
    }
    assert!(said[2].contains("coffee-club"), "{}", said[2]);
    remove_broker_user(&site.name, "client_coffee-club").await;
    site.close().await;
}
