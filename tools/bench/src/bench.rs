//! Where it is measured: a vhost of its own, and databases that are copies of one filled world, so that
//! every measurement begins with the same.

use crate::plan::Plan;
use crate::process::{Command, Process};
use crate::world::{self, World};
use anyhow::Context as _;
use harness::servers::Servers;
use reqwest::Method;
use serde_json::json;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};
use std::path::PathBuf;

/// One database, with the vhost.
#[derive(Debug, Clone)]
pub struct Place {
    /// Of the database.
    pub database_url: String,
    /// With the vhost.
    pub amqp_url: String,
    secret: String,
    binary: PathBuf,
    logs: PathBuf,
}

/// Everything that a measurement needs.
pub struct Bench {
    pub plan: Plan,
    pub servers: Servers,
    /// For files.
    pub folder: PathBuf,
    pub world: World,
    name: String,
    filled: Place,
    copies: Vec<String>,
}

impl Bench {
    /// Makes the vhost and the world.
    pub async fn open(plan: Plan, servers: Servers, folder: PathBuf) -> anyhow::Result<Self> {
        let name = format!("bench_{}", &uuid::Uuid::new_v4().simple().to_string()[..12]);
        servers.manage(Method::PUT, &format!("vhosts/{name}"), None).await?;
        let user = url::Url::parse(&servers.amqp_url)?.username().to_owned();
        let all = json!({"configure": ".*", "write": ".*", "read": ".*"});
        servers.manage(Method::PUT, &format!("permissions/{name}/{user}"), Some(all)).await?;
        administer(&servers, &format!("create database {name}")).await?;
        let program = std::env::current_exe()?;
        let built = program.parent().context("not in a target folder")?;
        let filled = Place {
            database_url: with_path(&servers.database_url, &name)?,
            amqp_url: with_path(&servers.amqp_url, &name)?,
            secret: uuid::Uuid::new_v4().simple().to_string(),
            binary: built.join("redeemq"),
            logs: folder.join("redeemq.log"),
        };
        let _ = std::fs::remove_file(&filled.logs);
        let world = world::fill(&filled, &plan).await?;
        Ok(Self { plan, servers, folder, world, name, filled, copies: Vec::new() })
    }

    /// A fresh copy of the world.
    pub async fn copy(&mut self) -> anyhow::Result<Place> {
        let copy = format!("{}_{}", self.name, self.copies.len());
        let name = &self.name;
        let copying = format!("create database {copy} template {name} strategy file_copy");
        administer(&self.servers, &copying).await?;
        let database_url = with_path(&self.servers.database_url, &copy)?;
        self.copies.push(copy);
        Ok(Place { database_url, ..self.filled.clone() })
    }

    /// Gives everything back.
    pub async fn close(self) -> anyhow::Result<()> {
        for database in self.copies.iter().chain([&self.name]) {
            let drop = format!("drop database if exists {database} with (force)");
            administer(&self.servers, &drop).await?;
        }
        self.servers.manage(Method::DELETE, &format!("vhosts/{}", self.name), None).await?;
        Ok(())
    }
}

impl Place {
    /// A connection to its database.
    pub async fn connect(&self) -> anyhow::Result<PgConnection> {
        Ok(PgConnection::connect(&self.database_url).await?)
    }

    /// Runs a statement.
    pub async fn execute(&self, sql: &str) -> anyhow::Result<u64> {
        let mut db = self.connect().await?;
        let done = db.execute(AssertSqlSafe(sql.to_owned())).await;
        let done = done.with_context(|| sql.to_owned())?;
        db.close().await?;
        Ok(done.rows_affected())
    }

    /// A number from it.
    pub async fn number(&self, sql: &str) -> anyhow::Result<i64> {
        let mut db = self.connect().await?;
        let number = sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_one(&mut db).await;
        let number = number.with_context(|| sql.to_owned())?;
        db.close().await?;
        Ok(number)
    }

    /// The secrets of its processes.
    pub fn secrets(&self) -> anyhow::Result<redeemq::secrets::Secrets> {
        Ok(redeemq::secrets::Secrets::parse(&self.secret.clone().into())?)
    }

    /// The real binary, about to run here.
    pub fn redeemq(&self, arguments: &[&str]) -> Command {
        let command = Command::new(&self.binary, &self.logs).arguments(arguments);
        command
            .with("DATABASE_URL", &self.database_url)
            .with("AMQP_URL", &self.amqp_url)
            .with("REDEEMQ_SECRET", &self.secret)
            .with("REDEEMQ_METRICS_ADDR", "127.0.0.1:0")
    }

    /// A worker.
    pub fn worker(&self, batch_max: u16) -> anyhow::Result<Process> {
        self.redeemq(&["worker"]).with("REDEEMQ_BATCH_MAX", &batch_max.to_string()).start("worker")
    }

    /// Fails unless the books balance.
    pub fn audit(&self) -> anyhow::Result<()> {
        self.redeemq(&["audit"]).json().map(drop).context("the books don't balance")
    }
}

async fn administer(servers: &Servers, sql: &str) -> anyhow::Result<()> {
    let mut db = PgConnection::connect(&servers.database_url).await?;
    db.execute(AssertSqlSafe(sql.to_owned())).await.with_context(|| sql.to_owned())?;
    Ok(db.close().await?)
}

fn with_path(url: &str, path: &str) -> anyhow::Result<String> {
    let mut url = url::Url::parse(url)?;
    url.set_path(path);
    Ok(url.to_string())
}
