//! What `make` does, and what it prints to be pasted.

use crate::shell::Shell;
use harness::Site;
use harness::blocks::{block, blocks};
use harness::make::make;
use harness::rights::remove_broker_user;
use std::process::Command;

/// What it prints, which must end well.
fn page(command: &mut Command) -> String {
    let output = command.output().expect("make runs");
    let page = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{page}{}", String::from_utf8_lossy(&output.stderr));
    page.into_owned()
}

/// By a name of its own, beside what somebody plays or runs meanwhile.
const NAME: &str = "REDEEMQ_DEMO_NAME";

#[tokio::test]
async fn the_demo_plays_to_its_end() {
    let site = Site::open().await;
    let page = page(make(&["demo"]).env(NAME, &site.name));
    assert!(page.contains("checks, 0 broken"), "{page}");
    site.close().await;
}

/// Those of README's "From clone to a result in your language".
const CLIENTS: [&str; 3] = ["examples/clients/redeem.sh", "python3 -m venv", "npm install"];

/// Ends it, however the test ends.
struct Running;

impl Drop for Running {
    fn drop(&mut self) {
        let stopped = make(&["stop", "NAME=pasted"]).status();
        assert!(std::thread::panicking() || stopped.is_ok_and(|status| status.success()));
    }
}

#[tokio::test]
async fn what_make_run_prints_can_be_pasted_before_every_client() {
    let site = Site::open().await;
    let running = Running;
    let page = page(make(&["run", "NAME=pasted"]).env(NAME, &site.name));
    let shell = Shell::of(&site, &[]);
    let curl = page.find("curl -s").expect("a curl line");
    let (curl, _) = page[curl..].split_once("\n\n").expect("an end");
    let exports: Vec<&str> = page.lines().filter(|line| line.starts_with("export ")).collect();
    // Line by line: within a script, `a && b` may fail of its a unnoticed.
    let below = |command: &str| shell.run(&format!("{}\n{command}", exports.join("\n")));
    let mut answers = vec![shell.run(curl)];
    for client in CLIENTS {
        let mut said: Vec<String> = block(client).iter().map(|line| below(line)).collect();
        answers.extend(said.pop());
    }
    let listed = below("redeemq client list --json");
    drop(running);
    for answer in answers {
        assert!(answer.replace(' ', "").contains(r#""error_code":"0000""#), "{answer}");
    }
    assert!(listed.contains("coffee-club"), "{listed}");
    remove_broker_user(&site.name, "client_coffee-club").await;
    site.close().await;
}

#[test]
fn a_part_of_the_tests_is_run_as_the_readme_says() {
    let whole = blocks().into_iter().flatten().find(|line| line.contains("ARGS="));
    let whole = whole.expect("a line with ARGS");
    let part = whole.split('\'').nth(1).expect("arguments");
    let page = page(&mut make(&["test", &format!("ARGS={part}")]));
    assert!(page.contains("test result: ok") && !page.contains(" 0 passed"), "{page}");
}
