//! `deploy/newest`: whatever ends it, nothing of it is left.

use harness::{eventually, places};
use std::process::{Child, Command, Stdio};

/// Whether this machine can have such a root; if not, the script says why.
fn is_possible() -> bool {
    let possible = Command::new(places::script("newest")).arg("possible").status();
    possible.expect("the script runs").success()
}

/// A command that runs there until it is killed, and a mark by which all of its processes are known.
fn running() -> (Child, String) {
    let mark = format!("NEWEST_TEST={}", uuid::Uuid::new_v4());
    let mut command = Command::new(places::script("newest"));
    command.args(["env", &mark, "bash", "-c", "sleep 1000 & setsid sleep 1000 & wait"]);
    let child = command.stdin(Stdio::null()).spawn().expect("the script runs");
    (child, mark)
}

/// How many processes have this mark in their environment.
fn marked(mark: &str) -> usize {
    let processes = std::fs::read_dir("/proc").expect("Linux");
    let environments =
        processes.filter_map(|entry| std::fs::read(entry.ok()?.path().join("environ")).ok());
    environments
        .filter(|text| text.split(|byte| *byte == 0).any(|set| set == mark.as_bytes()))
        .count()
}

fn mounts() -> usize {
    let mounts = std::fs::read_to_string("/proc/mounts").expect("Linux");
    mounts.lines().filter(|mount| mount.contains("/newest/")).count()
}

/// Longer than [`eventually`] waits: the root may have to be made.
async fn until_it_runs(mark: &str) {
    for _ in 0..6_000 {
        if marked(mark) >= 3 {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("it does not run");
}

#[tokio::test]
async fn however_it_is_killed_no_process_and_no_mount_is_left() {
    if !is_possible() {
        return;
    }
    for signal in ["TERM", "KILL", "INT", "HUP"] {
        let (mut child, mark) = running();
        until_it_runs(&mark).await;
        let killed = Command::new("kill").args(["-s", signal, &child.id().to_string()]).status();
        assert!(killed.expect("kill runs").success());
        assert!(!child.wait().expect("it ends").success(), "{signal}");
        eventually("all have ended", async || marked(&mark) == 0).await;
        assert_eq!(mounts(), 0, "{signal}");
    }
}

#[test]
fn what_runs_there_ends_with_its_status_and_sees_no_server_from_outside() {
    if !is_possible() {
        return;
    }
    let outside = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = outside.local_addr().expect("an address").port();
    let look = format!(
        "(: </dev/tcp/127.0.0.1/{port}) 2>/dev/null && exit 1; [[ ! ${{AMQP_URL-}} ]] || exit 2; exit 7"
    );
    let mut command = Command::new(places::script("newest"));
    command.args(["bash", "-c", &look]).env("AMQP_URL", "amqp://somewhere");
    assert_eq!(command.status().expect("the script runs").code(), Some(7));
}
