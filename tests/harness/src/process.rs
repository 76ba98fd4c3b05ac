//! A running `redeemq`, its addresses and its log.

use super::places::{binary, root};
use super::{PATIENCE, eventually, leaks};
use serde_json::Value;
use std::io::{BufRead as _, BufReader};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

const SIGABRT: i32 = 6;

pub const SECRET: &str = "the-first-secret-of-every-test-32b";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Serve,
    Ingress,
    Worker,
}

/// The search path, with `redeemq` on it.
pub fn path() -> String {
    let binary = binary();
    let built = binary.parent().expect("a folder");
    format!("{}:{}", built.display(), std::env::var("PATH").expect("a path"))
}

pub struct Process {
    child: Child,
    log: Arc<Mutex<Vec<Value>>>,
    /// Ends with the process, with all that it printed.
    printed: Option<JoinHandle<String>>,
    /// Whether it was told to.
    may_panic: bool,
    pub site: String,
    pub http: String,
    pub metrics: String,
}

impl Process {
    /// Starts it on free ports, and waits until it does its work.
    pub async fn start(role: Role, environment: &[(&str, &str)]) -> Self {
        let process = Self::launch(role, environment).await;
        if role != Role::Ingress {
            process.logged("consuming").await;
        }
        if role != Role::Worker {
            let url = format!("{}/readyz", process.http);
            eventually("the ingress is ready", async || {
                reqwest::get(&url).await.is_ok_and(|answer| answer.status().is_success())
            })
            .await;
        }
        process
    }

    /// Starts it without waiting for the servers behind it.
    pub async fn launch(role: Role, environment: &[(&str, &str)]) -> Self {
        Self::launch_doomed(role, environment).told(role).await
    }

    /// Starts it by what somebody types, in the checkout and with `redeemq` on the path.
    pub async fn typed(command: &str, role: Role, environment: &[(&str, &str)]) -> Self {
        let mut shell = Command::new("bash");
        shell.args(["-c", command]).current_dir(root()).env("PATH", path());
        Self::run(shell, environment).told(role).await
    }

    /// With the addresses that it tells.
    async fn told(mut self, role: Role) -> Self {
        self.metrics = self.address("serving metrics").await;
        if role != Role::Worker {
            self.http = self.address("accepting").await;
        }
        self
    }

    /// Starts it without waiting for anything: it may end at once.
    pub fn launch_doomed(role: Role, environment: &[(&str, &str)]) -> Self {
        let mut command = Command::new(binary());
        command.arg(format!("{role:?}").to_lowercase());
        Self::run(command, environment)
    }

    fn run(mut command: Command, environment: &[(&str, &str)]) -> Self {
        let mut child = command
            .envs(environment.iter().copied())
            .env("REDEEMQ_HTTP_ADDR", "127.0.0.1:0")
            .env("REDEEMQ_METRICS_ADDR", "127.0.0.1:0")
            .env("REDEEMQ_LOG_JSON", "true")
            .env("RUST_LOG", "trace")
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let log = Arc::new(Mutex::new(Vec::new()));
        let lines = BufReader::new(child.stderr.take().expect("its log"));
        let writing = Arc::clone(&log);
        let printed = std::thread::spawn(move || {
            let mut printed = String::new();
            for line in lines.lines().map_while(Result::ok) {
                printed.push_str(&line);
                printed.push('\n');
                let entry = serde_json::from_str(&line).unwrap_or(Value::String(line));
                writing.lock().expect("the log").push(entry);
            }
            printed
        });
        let may_panic = environment
            .iter()
            .any(|(name, value)| *name == "REDEEMQ_CRASH" && value.contains(":panic"));
        let (http, metrics) = (String::new(), String::new());
        let (printed, site) = (Some(printed), site(environment));
        Self { child, log, printed, may_panic, site, http, metrics }
    }

    /// Waits until it has ended by itself; its exit status and its log.
    pub async fn ended(mut self) -> (ExitStatus, String) {
        let mut status = None;
        eventually("it ends by itself", async || {
            status = self.child.try_wait().expect("a status");
            status.is_some()
        })
        .await;
        eventually("its log is read", async || Arc::strong_count(&self.log) == 1).await;
        (status.expect("ended"), self.text())
    }

    async fn address(&self, message: &str) -> String {
        let entry = self.logged(message).await;
        format!("http://{}", entry["fields"]["address"].as_str().expect("an address"))
    }

    /// Waits for a log entry.
    pub async fn logged(&self, message: &str) -> Value {
        self.log_with(message, |entry| entry["fields"]["message"] == message).await
    }

    /// Waits for a log entry with this message and, as its error, this cause.
    pub async fn logged_because(&self, message: &str, cause: &str) -> Value {
        let is_it = |entry: &Value| {
            entry["fields"]["message"] == message
                && entry["fields"]["error"].to_string().contains(cause)
        };
        self.log_with(&format!("{message}, because of: {cause}"), is_it).await
    }

    /// Waits for a log entry with this text anywhere in it.
    pub async fn logged_containing(&self, text: &str) -> Value {
        self.log_with(text, |entry| entry.to_string().contains(text)).await
    }

    async fn log_with(&self, message: &str, is_it: impl Fn(&Value) -> bool) -> Value {
        let find = || {
            let log = self.log.lock().expect("the log");
            log.iter().find(|entry| is_it(entry)).cloned()
        };
        let waiting = async {
            loop {
                if let Some(entry) = find() {
                    return entry;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        match tokio::time::timeout(PATIENCE, waiting).await {
            Ok(entry) => entry,
            Err(_) => panic!("never logged: {message}; the log:\n{}", self.text()),
        }
    }

    /// A field of all entries with this message, in their order.
    pub fn all_logged(&self, message: &str, field: &str) -> Vec<Value> {
        let log = self.log.lock().expect("the log");
        let entries = log.iter().filter(|entry| entry["fields"]["message"] == message);
        entries.map(|entry| entry["fields"][field].clone()).collect()
    }

    /// Its whole log.
    pub fn text(&self) -> String {
        let log = self.log.lock().expect("the log");
        log.iter().map(|entry| format!("{entry}\n")).collect()
    }

    /// Where its metrics are, as host and port.
    pub fn metrics_address(&self) -> &str {
        self.metrics.trim_start_matches("http://")
    }

    /// All its metrics.
    pub async fn page(&self) -> String {
        let page = reqwest::get(format!("{}/metrics", self.metrics)).await.expect("metrics");
        page.text().await.expect("metrics")
    }

    /// A counter or gauge, summed over the series whose labels contain this text.
    pub async fn metric(&self, name: &str, labels: &str) -> f64 {
        let page = self.page().await;
        let of_name =
            |line: &&str| line.strip_prefix(name).is_some_and(|rest| rest.starts_with([' ', '{']));
        page.lines()
            .filter(of_name)
            .filter(|line| line.contains(labels))
            .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
            .sum()
    }

    /// Memory that it occupies, in bytes.
    pub fn memory(&self) -> u64 {
        self.status("VmRSS:")
    }

    /// The most that it has ever occupied, in bytes.
    pub fn peak_memory(&self) -> u64 {
        self.status("VmHWM:")
    }

    fn status(&self, name: &str) -> u64 {
        let status = self.proc("status");
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse().ok());
        kilobytes.map(|kilobytes: u64| kilobytes * 1024).expect("its memory")
    }

    /// Threads that it has.
    pub fn threads(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/task", self.child.id())).expect("its threads").count()
    }

    /// Time that it has spent on a processor, in itself and in the kernel.
    pub fn cpu(&self) -> Duration {
        let stat = self.proc("stat");
        let (_, fields) = stat.rsplit_once(')').expect("fields behind its name");
        let ticks = fields.split_whitespace().skip(11).take(2);
        let ticks: u64 = ticks.map(|ticks| ticks.parse::<u64>().expect("ticks")).sum();
        Duration::from_millis(ticks * 10) // a tick has been 10 ms on every Linux
    }

    fn proc(&self, file: &str) -> String {
        std::fs::read_to_string(format!("/proc/{}/{file}", self.child.id())).expect("it runs")
    }

    /// Waits until it has ended of the fault that it was told to have.
    pub async fn until_aborted(&mut self) {
        self.logged("failing on purpose").await;
        let mut status = None;
        eventually("it aborts", async || {
            status = self.child.try_wait().expect("a status");
            status.is_some()
        })
        .await;
        assert_eq!(status.and_then(|status| status.signal()), Some(SIGABRT));
    }

    /// Waits until it stands still at the point where it was told to.
    pub async fn until_stopped(&self) {
        self.logged_containing("stopped until SIGCONT").await;
    }

    /// Waits until it has begun another session.
    pub async fn until_back(&self) {
        eventually("it consumes again", async || {
            self.all_logged("consuming", "batch_max").len() > 1
        })
        .await;
    }

    /// SIGSTOP: it stands still, with all its connections open.
    pub fn freeze(&self) {
        self.signal("-STOP");
    }

    /// SIGCONT: it goes on where it stood.
    pub fn thaw(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([signal, &self.child.id().to_string()]).status();
        assert!(sent.is_ok_and(|status| status.success()), "kill {signal}");
    }

    /// SIGTERM, and its exit status.
    pub async fn terminate(mut self) -> ExitStatus {
        self.signal("-TERM");
        let mut status = None;
        eventually("it ends after SIGTERM", async || {
            status = self.child.try_wait().expect("a status");
            status.is_some()
        })
        .await;
        status.expect("ended")
    }

    /// SIGKILL: gone in the middle of whatever it does.
    pub fn kill(mut self) {
        self.child.kill().expect("killed");
        self.child.wait().expect("gone");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let printed = self.printed.take().and_then(|printed| printed.join().ok());
        let printed = printed.unwrap_or_default();
        if let Some(at) = printed.find("panicked at").filter(|_| !self.may_panic) {
            assert!(std::thread::panicking(), "it panicked: {}", &printed[at..]);
        }
        if std::thread::panicking() {
            keep_log(self.child.id(), &printed);
        }
        leaks::search(&self.site, printed);
    }
}

/// Keeps the log of a process whose test failed, where its reader looks for it.
fn keep_log(pid: u32, printed: &str) {
    let path = std::env::temp_dir().join(format!("redeemq-test-{pid}.log"));
    match std::fs::write(&path, printed) {
        Ok(()) => eprintln!("log of process {pid}: {}", path.display()),
        Err(error) => eprintln!("log of process {pid} not kept: {error}"),
    }
}

/// Whose process it is; the secrets that it was started with must not be in its log.
fn site(environment: &[(&str, &str)]) -> String {
    let of = |wanted: &str| {
        let mut last = environment.iter().rev();
        last.find(|(name, _)| *name == wanted).map_or("", |(_, value)| *value)
    };
    let site = leaks::site_of(of("DATABASE_URL"));
    for url in ["DATABASE_URL", "AMQP_URL"] {
        leaks::keep_password(&site, of(url));
    }
    of("REDEEMQ_SECRET").split(',').for_each(|secret| leaks::keep(&site, secret.trim()));
    site
}
