//! Setting the stage: a database and a vhost of its own, the catalogue, the two services.

use crate::acts::Caller;
use crate::page::Page;
use anyhow::{Context as _, bail, ensure};
use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

pub const CLIENT: &str = "coffee-club";
pub const SPONSOR: &str = "cola-company";

/// Everything that is known before the services start.
pub struct Stage {
    environment: Vec<(&'static str, String)>,
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

    fn service(&self, role: &str, http: &str, metrics: &str) -> Command {
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

/// Sets the stage, starts the services, and leaves them running.
pub async fn stay() -> anyhow::Result<()> {
    let mut page = Page::default();
    let stage = Stage::set("redeemq_run", &mut page).await?;
    let http = if TcpListener::bind("127.0.0.1:8080").is_ok() {
        "127.0.0.1:8080".to_owned()
    } else {
        free_address()?
    };
    let metrics = free_address()?;
    // A process group of its own: Ctrl-C in this terminal is not meant for it.
    let mut command = stage.service("serve", &http, &metrics);
    let child = std::os::unix::process::CommandExt::process_group(&mut command, 0).spawn()?;
    if let Ok(file) = std::env::var("REDEEMQ_RUN_PID") {
        std::fs::write(&file, child.id().to_string()).with_context(|| format!("writing {file}"))?;
    }
    let base = format!("http://{http}");
    wait_until_ready(&base).await?;
    let caller = Caller::sign_in(&base, &stage.api_key, &stage.api_secret).await?;
    page.heading("Running. A first job, to paste:");
    page.plain(&format!(
        "\ncurl -s {base}/Redeem/goods -H 'Prefer: wait=5' \\\n  -d token={} \\\n  -d goods_id=espresso -d player_id=alice -d amount=1\n",
        caller.token
    ));
    page.line("metrics", &format!("http://{metrics}/metrics"));
    page.line("environment for `redeemq …`", "");
    for (name, value) in &stage.environment {
        page.plain(&format!("    export {name}='{value}'"));
    }
    page.line("stop it", "make stop");
    Ok(())
}

async fn wait_until_ready(base: &str) -> anyhow::Result<()> {
    for _ in 0..300 {
        let ready = reqwest::get(format!("{base}/readyz")).await;
        if ready.is_ok_and(|answer| answer.status().is_success()) {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    bail!("the ingress at {base} was not ready within 30 s")
}

fn binary() -> anyhow::Result<PathBuf> {
    let examples = std::env::current_exe()?;
    let built = examples.parent().and_then(Path::parent).context("not in a target folder")?;
    Ok(built.join("redeemq"))
}

fn catalogue(file: &str) -> String {
    format!("{}/examples/catalogue/{file}", env!("CARGO_MANIFEST_DIR"))
}

fn free_address() -> anyhow::Result<String> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string())
}

fn text(value: &Value, name: &str) -> anyhow::Result<String> {
    Ok(value[name].as_str().with_context(|| format!("no {name} in {value}"))?.to_owned())
}

fn server(variable: &str) -> anyhow::Result<String> {
    std::env::var(variable).with_context(|| format!("{variable} is not set: use `make demo`"))
}

fn with_path(url: &str, path: &str) -> String {
    let after_scheme = url.find("://").map_or(0, |at| at + 3);
    let end = url[after_scheme..].find('/').map_or(url.len(), |at| after_scheme + at);
    let query = url.find('?').map_or("", |at| &url[at..]);
    format!("{}/{path}{query}", &url[..end])
}

async fn fresh_database(name: &str) -> anyhow::Result<String> {
    let url = server("DATABASE_URL")?;
    let mut db = PgConnection::connect(&url).await.context("DATABASE_URL")?;
    db.execute(AssertSqlSafe(format!("drop database if exists {name} with (force)"))).await?;
    db.execute(AssertSqlSafe(format!("create database {name}"))).await?;
    Ok(with_path(&url, name))
}

async fn fresh_vhost(name: &str) -> anyhow::Result<String> {
    let url = server("AMQP_URL")?;
    let management = server("RABBITMQ_MANAGEMENT_URL")?;
    let management = management.trim_end_matches('/');
    let http = reqwest::Client::new();
    let vhost = format!("{management}/api/vhosts/{name}");
    http.delete(&vhost).send().await.context("RABBITMQ_MANAGEMENT_URL")?;
    http.put(&vhost).send().await?.error_for_status()?;
    let user = url.split("://").nth(1).and_then(|rest| rest.split([':', '@']).next());
    let user = user.unwrap_or("guest");
    http.put(format!("{management}/api/permissions/{name}/{user}"))
        .json(&serde_json::json!({"configure": ".*", "write": ".*", "read": ".*"}))
        .send()
        .await?
        .error_for_status()?;
    Ok(with_path(&url, name))
}
