//! The machine, and who runs on it.

use crate::bench::{Bench, Place};
use crate::proc;
use anyhow::Context as _;
use reqwest::Method;
use sqlx::{AssertSqlSafe, Connection as _};
use std::path::PathBuf;

/// What the numbers hold for.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Machine {
    pub cores: usize,
    pub model: String,
    pub memory_gib: f64,
    pub kernel: String,
    pub redeemq: String,
    pub postgres: String,
    pub rabbitmq: String,
    pub rustc: String,
    /// Before anything was measured: of others, then.
    pub load_before: f64,
}

impl Machine {
    pub async fn look(bench: &Bench, place: &Place) -> anyhow::Result<Self> {
        let overview = bench.servers.manage(Method::GET, "overview", None).await?;
        let rabbitmq = overview["rabbitmq_version"].as_str().unwrap_or("?").to_owned();
        let kernel = read("/proc/sys/kernel/osrelease");
        let rustc = std::process::Command::new("rustc").arg("--version").output();
        Ok(Self {
            cores: std::thread::available_parallelism().map_or(0, Into::into),
            model: field("/proc/cpuinfo", "model name"),
            memory_gib: field("/proc/meminfo", "MemTotal")
                .split(' ')
                .next()
                .and_then(|kib| kib.parse::<f64>().ok())
                .map_or(0.0, |kib| kib / 1024.0 / 1024.0),
            kernel: kernel.trim().to_owned(),
            redeemq: env!("CARGO_PKG_VERSION").to_owned(),
            postgres: text(place, "show server_version").await?,
            rabbitmq,
            rustc: rustc
                .map(|told| String::from_utf8_lossy(&told.stdout).trim().to_owned())
                .unwrap_or_default(),
            load_before: load(),
        })
    }
}

/// The load average of the last minute.
pub fn load() -> f64 {
    read("/proc/loadavg").split(' ').next().and_then(|load| load.parse().ok()).unwrap_or_default()
}

/// The first process of the database server; none if it runs elsewhere.
pub async fn postmaster(place: &Place) -> anyhow::Result<Option<u32>> {
    let mut db = place.connect().await?;
    let backend: i32 = sqlx::query_scalar("select pg_backend_pid()").fetch_one(&mut db).await?;
    let found = proc::parent_named(u32::try_from(backend)?, "postgres");
    db.close().await?;
    Ok(found)
}

/// The broker's process; none if it runs elsewhere.
pub async fn broker(bench: &Bench) -> anyhow::Result<Option<u32>> {
    let nodes = bench.servers.manage(Method::GET, "nodes", None).await?;
    let pid = nodes[0]["os_pid"].as_str().and_then(|pid| pid.parse().ok());
    Ok(pid.and_then(|pid| proc::named(pid, "beam")))
}

/// A tool that is installed beside the database server, or in the PATH.
pub async fn beside_postgres(place: &Place, tool: &str) -> anyhow::Result<Option<PathBuf>> {
    let server = postmaster(place).await?.and_then(proc::program);
    let beside = server.map(|server| server.with_file_name(tool)).filter(|tool| tool.exists());
    let path = std::env::var_os("PATH").unwrap_or_default();
    let in_path = || std::env::split_paths(&path).map(|dir| dir.join(tool)).find(|t| t.exists());
    Ok(beside.or_else(in_path))
}

async fn text(place: &Place, sql: &str) -> anyhow::Result<String> {
    let mut db = place.connect().await?;
    let text = sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_one(&mut db).await;
    let text = text.with_context(|| sql.to_owned())?;
    db.close().await?;
    Ok(text)
}

fn read(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

fn field(path: &str, name: &str) -> String {
    let text = read(path);
    let line = text.lines().find(|line| line.starts_with(name));
    line.and_then(|line| line.split_once(':'))
        .map(|(_, value)| value.trim().to_owned())
        .unwrap_or_default()
}
