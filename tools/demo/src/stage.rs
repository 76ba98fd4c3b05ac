//! Setting the stage: a database and a vhost of its own, the catalogue, the two services.

use crate::acts::Caller;
use crate::http::ask;
use crate::page::Page;
use crate::servers::{fresh_database, fresh_vhost};
use anyhow::{Context as _, bail, ensure};
use hyper::Method;
use redeemq::client::Client;
use serde_json::Value;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

pub const CLIENT: &str = "coffee-club";
pub const SPONSOR: &str = "cola-company";

/// Everything that is known before the services start.
pub struct Stage {
    pub environment: Vec<(&'static str, String)>,
    binary: PathBuf,
    pub api_key: String,
    pub api_secret: String,
    pub pin: String,
    pub amqp_url: String,
}

/// The running services; they end with this.
pub struct Services {
    children: Vec<Child>,
    pub http: String,
}

impl Drop for Services {
    fn drop(&mut self) {
        for child in &mut self.children {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Stage {
    /// A fresh database and vhost of this name, migrated, with the sample catalogue in it.
    pub async fn set(name: &str, page: &mut Page) -> anyhow::Result<Self> {
        let database_url = fresh_database(name).await?;
        let amqp_url = fresh_vhost(name).await?;
        let binary = binary()?;
        let environment = vec![
            ("DATABASE_URL", database_url),
            ("AMQP_URL", amqp_url.clone()),
            ("REDEEMQ_SECRET", uuid::Uuid::new_v4().simple().to_string()),
        ];
        let [api_key, api_secret, pin] = [(); 3].map(|()| String::new());
        let mut stage = Self { environment, binary, api_key, api_secret, pin, amqp_url };
        page.heading("The catalogue, from examples/catalogue/*.csv");
        stage.load(page)?;
        Ok(stage)
    }

    fn load(&mut self, page: &mut Page) -> anyhow::Result<()> {
        self.command(&["migrate"])?;
        let client = self.json(&["client", "create", CLIENT, "--name", "Coffee Club"])?;
        self.api_key = text(&client, "api_key")?;
        self.api_secret = text(&client, "api_secret")?;
        page.check("client coffee-club", "created; key and secret shown once", true);
        let own = ["--client", CLIENT];
        let sponsored = ["--sponsor", SPONSOR];
        for (what, file, arguments) in [
            ("goods of the club", "goods.csv", [&["goods", "import"], &own[..]].concat()),
            (
                "goods of a sponsor",
                "sponsored.csv",
                [&["goods", "import"], &sponsored[..]].concat(),
            ),
            (
                "cinema tickets",
                "cinema.csv",
                [&["coupons", "import"], &own[..], &["--group", "cinema-tickets"]].concat(),
            ),
            (
                "streaming codes",
                "streaming.csv",
                [&["coupons", "import"], &sponsored[..], &["--group", "streaming-codes"]].concat(),
            ),
            (
                "players and their balances",
                "players.csv",
                [&["players", "import"], &own[..], &["--import-id", "demo"]].concat(),
            ),
        ] {
            let file = catalogue(file);
            let report = self.json(&[&arguments[..], &[&file]].concat())?;
            let (rows, added) = (&report["rows"], &report["added"]);
            page.check(what, &format!("{added:>4} of {rows:>4} rows added"), rows == added);
        }
        let branch = ["branch", "create"].iter().chain(&own).copied();
        let named =
            ["--merchant", "Odeon", "--branch", "Odeon Main Street", "--group", "cinema-tickets"];
        let branch: Vec<&str> = branch.chain(named).collect();
        self.pin = text(&self.json(&branch)?, "pin_code")?;
        page.check(
            "branch Odeon Main Street",
            "may verify cinema tickets; its PIN is shown once",
            true,
        );
        Ok(())
    }

    /// Key and secret of another client, which is answered synchronously; it has the same players.
    pub fn synchronous_client(&self) -> anyhow::Result<(String, String)> {
        let name = "loyalty-site";
        let client = self.json(&["client", "create", name, "--answers", "sync"])?;
        let players = catalogue("players.csv");
        self.json(&["players", "import", "--client", name, "--import-id", "demo", &players])?;
        Ok((text(&client, "api_key")?, text(&client, "api_secret")?))
    }

    /// Starts an ingress and a worker on free ports.
    pub async fn start_services(&self) -> anyhow::Result<Services> {
        let http = free_address()?;
        let mut services = Services { children: Vec::new(), http: format!("http://{http}") };
        for role in ["ingress", "worker"] {
            let metrics = free_address()?;
            let child =
                self.service(role, &http, &metrics).spawn().context("starting a service")?;
            services.children.push(child);
        }
        wait_until_ready(&services.http).await?;
        Ok(services)
    }

    /// A service as it is started.
    pub fn service(&self, role: &str, http: &str, metrics: &str) -> Command {
        let mut command = Command::new(&self.binary);
        command
            .arg(role)
            .envs(self.environment.iter().map(|(name, value)| (*name, value.as_str())))
            .env("REDEEMQ_HTTP_ADDR", http)
            .env("REDEEMQ_METRICS_ADDR", metrics)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command
    }

    pub async fn sign_in(&self, services: &Services) -> anyhow::Result<Caller> {
        Caller::sign_in(&services.http, &self.api_key, &self.api_secret).await
    }

    /// The audit's own words.
    pub fn audit(&self, page: &mut Page) -> anyhow::Result<()> {
        page.heading("The audit: do the books balance?");
        let report = self.json(&["audit"])?;
        let checks = report["checks"].as_array().context("the audit lists no checks")?;
        let broken: Vec<&Value> = checks.iter().filter(|check| check["ok"] != true).collect();
        for check in &broken {
            page.check(check["check"].as_str().unwrap_or("a check"), "broken", false);
        }
        let came = format!("{} checks, {} broken", checks.len(), broken.len());
        page.check("redeemq audit", &came, report["ok"] == true);
        Ok(())
    }

    fn run(&self, arguments: &[&str]) -> anyhow::Result<Vec<u8>> {
        let output = Command::new(&self.binary)
            .args(arguments)
            .envs(self.environment.iter().map(|(name, value)| (*name, value.as_str())))
            .output()
            .with_context(|| format!("{} can't be run: build it first", self.binary.display()))?;
        let said = String::from_utf8_lossy(&output.stderr);
        // An audit that found something exits 1 with its report; the page shows which.
        let is_report = output.status.code() == Some(1) && !output.stdout.is_empty();
        ensure!(output.status.success() || is_report, "redeemq {}: {said}", arguments.join(" "));
        Ok(output.stdout)
    }

    fn command(&self, arguments: &[&str]) -> anyhow::Result<()> {
        self.run(arguments).map(drop)
    }

    fn json(&self, arguments: &[&str]) -> anyhow::Result<Value> {
        Ok(serde_json::from_slice(&self.run(&[arguments, &["--json"]].concat())?)?)
    }
}

/// Waits until the broker takes requests.
pub async fn wait_until_ready(base: &str) -> anyhow::Result<()> {
    let (http, url) = (Client::to(base)?, format!("{base}/readyz"));
    for _ in 0..300 {
        if ask(&http, Method::GET, &url, &[], None).await.is_ok_and(|(status, _)| status == 200) {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    bail!("the ingress at {base} was not ready within 30 s")
}

fn binary() -> anyhow::Result<PathBuf> {
    let program = std::env::current_exe()?;
    let built = program.parent().context("not in a target folder")?;
    Ok(built.join("redeemq"))
}

fn catalogue(file: &str) -> String {
    format!("{}/../../examples/catalogue/{file}", env!("CARGO_MANIFEST_DIR"))
}

/// Where nobody listens yet.
pub fn free_address() -> anyhow::Result<String> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string())
}

fn text(value: &Value, name: &str) -> anyhow::Result<String> {
    Ok(value[name].as_str().with_context(|| format!("no {name} in {value}"))?.to_owned())
}
