//! Processes of the real binary, and of our own in another role.

use anyhow::{Context as _, ensure};
use serde_json::Value;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

/// How long a process may take to stop when told to.
const STOP_MAX: Duration = Duration::from_secs(12);

/// About to be run.
pub struct Command {
    command: std::process::Command,
    logs: PathBuf,
}

/// Running. It dies with the bench.
pub struct Process {
    name: String,
    child: Child,
}

impl Command {
    /// Of a program, which logs there.
    pub fn new(program: &Path, logs: &Path) -> Self {
        Self { command: std::process::Command::new(program), logs: logs.to_owned() }
    }

    pub fn arguments(mut self, arguments: &[&str]) -> Self {
        self.command.args(arguments);
        self
    }

    pub fn with(mut self, variable: &str, value: &str) -> Self {
        self.command.env(variable, value);
        self
    }

    /// Runs it to its end, for its JSON.
    pub fn json(mut self) -> anyhow::Result<Value> {
        let output = self.command.arg("--json").output().with_context(|| self.what())?;
        let said = String::from_utf8_lossy(&output.stderr);
        let told = String::from_utf8_lossy(&output.stdout);
        ensure!(output.status.success(), "{}: {said}{told}", self.what());
        Ok(serde_json::from_slice(&output.stdout)?)
    }

    /// Starts it.
    pub fn start(mut self, name: &str) -> anyhow::Result<Process> {
        let logs = File::options().create(true).append(true).open(&self.logs)?;
        let what = self.what();
        self.command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(logs);
        let child = self.command.spawn().with_context(|| what)?;
        Ok(Process { name: name.to_owned(), child })
    }

    fn what(&self) -> String {
        let program = self.command.get_program().to_string_lossy();
        let arguments: Vec<_> = self.command.get_args().map(|a| a.to_string_lossy()).collect();
        format!("{program} {}", arguments.join(" "))
    }
}

impl Process {
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has ended, and well; nothing while it runs.
    pub fn ended(&mut self) -> anyhow::Result<bool> {
        let Some(status) = self.child.try_wait()? else { return Ok(false) };
        ensure!(status.success(), "{} ended: {status}: see its log", self.name);
        Ok(true)
    }

    /// SIGTERM, and waits for the end.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        ensure!(!self.ended()?, "{} ended by itself: see its log", self.name);
        let pid = self.pid().to_string();
        std::process::Command::new("kill").args(["-TERM", &pid]).status()?;
        let deadline = Instant::now() + STOP_MAX;
        while self.child.try_wait()?.is_none() {
            ensure!(Instant::now() < deadline, "{} does not stop", self.name);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
