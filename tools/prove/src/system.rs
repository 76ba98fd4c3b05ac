//! The system under trial: two ingresses and two workers, each on lines of its own.

use crate::world::{CLIENTS, Goods, SPONSOR, World};
use anyhow::{Context as _, bail, ensure};
use harness::proxy::Proxy;
use harness::servers::Servers;
use serde_json::Value;
use std::fs::File;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// One process and its lines.
pub struct Part {
    pub name: String,
    role: &'static str,
    http: String,
    environment: Vec<(&'static str, String)>,
    log: PathBuf,
    child: Mutex<Child>,
    pub to_broker: Proxy,
    pub to_database: Proxy,
    /// From the clients, where they call it.
    pub from_clients: Option<Proxy>,
}

/// All of it.
pub struct System {
    pub parts: Vec<Part>,
    binary: PathBuf,
    environment: Vec<(&'static str, String)>,
    /// Where the logs are.
    pub folder: PathBuf,
}

/// What a client site needs to be served.
#[derive(Debug, Clone)]
pub struct Account {
    pub api_key: String,
    pub api_secret: String,
    /// The PIN of the branch that verifies its cinema permits.
    pub pin: String,
}

impl System {
    /// Migrates, loads the world, and starts everything.
    pub async fn start(
        servers: &Servers,
        world: &World,
        name: &str,
    ) -> anyhow::Result<(Self, Vec<Account>)> {
        let program = std::env::current_exe()?;
        let built = program.parent().context("not in a target folder")?;
        let folder = built.with_file_name("prove").join(name);
        std::fs::create_dir_all(&folder)?;
        let environment = vec![
            ("DATABASE_URL", servers.database_url.clone()),
            ("AMQP_URL", servers.amqp_url.clone()),
            ("REDEEMQ_SECRET", uuid::Uuid::new_v4().simple().to_string()),
        ];
        let binary = built.join("redeemq");
        let mut system = Self { parts: Vec::new(), binary, environment, folder };
        system.json(&["migrate"])?;
        let accounts = system.load(world)?;
        for (role, number) in [("ingress", 1), ("ingress", 2), ("worker", 1), ("worker", 2)] {
            let part = system.launch(role, number, servers).await?;
            system.parts.push(part);
        }
        system.wait_until_ready().await?;
        Ok((system, accounts))
    }

    fn load(&self, world: &World) -> anyhow::Result<Vec<Account>> {
        let sponsor = ["--sponsor", SPONSOR];
        self.import(&[&["goods", "import"], &sponsor[..]].concat(), &world.goods_csv(true))?;
        let codes = world.codes_csv(Goods::Gift, 0);
        self.import(&[&["coupons", "import", "--group", "gift"], &sponsor[..]].concat(), &codes)?;
        let load_client = |(place, client): (usize, &&str)| {
            let created = self.json(&["client", "create", client])?;
            let owner = ["--client", client];
            self.import(&[&["goods", "import"], &owner[..]].concat(), &world.goods_csv(false))?;
            let codes = world.codes_csv(Goods::Cinema, place);
            self.import(
                &[&["coupons", "import", "--group", "cinema"], &owner[..]].concat(),
                &codes,
            )?;
            let players = ["players", "import", "--import-id", "start"];
            self.import(&[&players, &owner[..]].concat(), &world.players_csv())?;
            let named = ["--merchant", "Odeon", "--branch", "Main Street", "--group", "cinema"];
            let branch = self.json(&[&["branch", "create"], &owner[..], &named].concat())?;
            Ok(Account {
                api_key: text(&created, "api_key")?,
                api_secret: text(&created, "api_secret")?,
                pin: text(&branch, "pin_code")?,
            })
        };
        CLIENTS.iter().enumerate().map(load_client).collect()
    }

    fn import(&self, arguments: &[&str], rows: &str) -> anyhow::Result<()> {
        let file = self.folder.join("import.csv");
        std::fs::write(&file, rows)?;
        let file = file.to_str().context("a path in UTF-8")?;
        self.json(&[arguments, &[file]].concat()).map(drop)
    }

    async fn launch(
        &self,
        role: &'static str,
        number: u8,
        servers: &Servers,
    ) -> anyhow::Result<Part> {
        let to_broker = Proxy::before(&servers.amqp_url).await;
        let to_database = Proxy::before(&servers.database_url).await;
        let http = format!("http://{}/", free_address()?);
        let from_clients = if role == "ingress" { Some(Proxy::before(&http).await) } else { None };
        let name = format!("{role} {number}");
        let mut environment = self.environment.clone();
        environment.extend([
            ("DATABASE_URL", to_database.url.clone()),
            ("AMQP_URL", to_broker.url.clone()),
            ("REDEEMQ_HTTP_ADDR", http[7..].trim_end_matches('/').to_owned()),
            ("REDEEMQ_METRICS_ADDR", free_address()?),
        ]);
        let log = self.folder.join(format!("{role}-{number}.log"));
        File::create(&log)?; // without what a campaign before this has left
        let child = Mutex::new(spawn(&self.binary, role, &environment, &log)?);
        Ok(Part { name, role, http, environment, log, child, to_broker, to_database, from_clients })
    }

    async fn wait_until_ready(&self) -> anyhow::Result<()> {
        for part in self.parts.iter().filter(|part| part.from_clients.is_some()) {
            for tries in 0.. {
                let ready = reqwest::get(format!("{}readyz", part.http)).await;
                if ready.is_ok_and(|answer| answer.status().is_success()) {
                    break;
                }
                ensure!(tries < 300, "{} was not ready within 30 s: see its log", part.name);
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
        Ok(())
    }

    /// Runs a command of the operator's to its end, for its JSON.
    pub fn json(&self, arguments: &[&str]) -> anyhow::Result<Value> {
        let output = self.output(&[arguments, &["--json"]].concat())?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "redeemq {}: {said}", arguments.join(" "));
        Ok(serde_json::from_slice(&output.stdout)?)
    }

    /// The same, whatever its exit status.
    pub fn output(&self, arguments: &[&str]) -> anyhow::Result<Output> {
        Command::new(&self.binary)
            .args(arguments)
            .envs(self.environment.iter().map(|(name, value)| (*name, value.as_str())))
            .output()
            .with_context(|| format!("{} can't be run: build it first", self.binary.display()))
    }

    /// SIGKILL; it is gone in the middle of whatever it does.
    pub fn kill(&self, part: &Part) -> anyhow::Result<()> {
        let mut child = part.child.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(status) = child.try_wait()? {
            bail!("{} had ended by itself: {status}", part.name);
        }
        child.kill()?;
        child.wait()?;
        Ok(())
    }

    /// Starts it again, at the same addresses.
    pub fn restart(&self, part: &Part) -> anyhow::Result<()> {
        let child = spawn(&self.binary, part.role, &part.environment, &part.log)?;
        *part.child.lock().unwrap_or_else(PoisonError::into_inner) = child;
        Ok(())
    }
}

impl Part {
    /// SIGSTOP or SIGCONT.
    pub fn signal(&self, signal: &str) -> anyhow::Result<()> {
        let pid = self.child.lock().unwrap_or_else(PoisonError::into_inner).id();
        let status = Command::new("kill").args([signal, &pid.to_string()]).status()?;
        ensure!(status.success(), "kill {signal} {}", self.name);
        Ok(())
    }

    /// How it ended, if it did so by itself.
    pub fn ended(&self) -> Option<ExitStatus> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner).try_wait().ok().flatten()
    }

    /// What its log says of panics.
    pub fn panics(&self) -> anyhow::Result<Vec<String>> {
        let log = std::fs::read(&self.log)?;
        let log = String::from_utf8_lossy(&log);
        let panics = log.lines().filter(|line| line.contains("panicked at"));
        Ok(panics.map(|line| format!("{}: {line}", self.name)).collect())
    }

    /// Where its clients call it.
    pub fn base(&self) -> Option<String> {
        Some(self.from_clients.as_ref()?.url.trim_end_matches('/').to_owned())
    }
}

impl Drop for System {
    fn drop(&mut self) {
        for part in &mut self.parts {
            let child = part.child.get_mut().unwrap_or_else(PoisonError::into_inner);
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn spawn(
    binary: &Path,
    role: &str,
    environment: &[(&'static str, String)],
    log: &Path,
) -> anyhow::Result<Child> {
    let log = File::options().create(true).append(true).open(log)?;
    Ok(Command::new(binary)
        .arg(role)
        .envs(environment.iter().map(|(name, value)| (*name, value.as_str())))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()?)
}

fn free_address() -> anyhow::Result<String> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string())
}

fn text(value: &Value, name: &str) -> anyhow::Result<String> {
    Ok(value[name].as_str().with_context(|| format!("no {name} in {value}"))?.to_owned())
}
