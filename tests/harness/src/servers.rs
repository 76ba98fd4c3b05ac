//! The Postgres and the RabbitMQ of this campaign: private ones, for they are killed.

use super::places::script;
use anyhow::{Context as _, ensure};
use reqwest::Method;
use serde_json::Value;
use std::process::Command;

/// One of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Server {
    Postgres,
    RabbitMq,
}

/// Both, by the name that deploy/services knows them by.
#[derive(Debug, Clone)]
pub struct Servers {
    name: String,
    pub database_url: String,
    pub amqp_url: String,
    management_url: String,
}

impl Servers {
    /// Those in the environment that deploy/services made.
    pub fn from_environment(name: &str) -> anyhow::Result<Self> {
        let servers = Self::named(name)?;
        // Killing somebody else's servers would be the end of a friendship.
        let ours = variable("REDEEMQ_SERVICES")?;
        for url in [&servers.database_url, &servers.amqp_url] {
            ensure!(
                ours.split(' ').any(|known| known == url),
                "not private servers: use the command of the Makefile"
            );
        }
        Ok(servers)
    }

    /// Those in the environment, whoever made them: not to be killed.
    pub fn named(name: &str) -> anyhow::Result<Self> {
        Ok(Self {
            name: name.to_owned(),
            database_url: variable("DATABASE_URL")?,
            amqp_url: variable("AMQP_URL")?,
            management_url: variable("RABBITMQ_MANAGEMENT_URL")?,
        })
    }

    /// Ends it as a power cut would; its data stays.
    pub async fn kill(&self, server: Server) -> anyhow::Result<()> {
        self.script(&["kill", &self.name, server.name()]).await
    }

    /// Starts it again on the same port, and waits until it answers.
    pub async fn revive(&self, server: Server) -> anyhow::Result<()> {
        self.script(&["revive", &self.name, server.name()]).await
    }

    /// Speaks to the broker's node.
    pub async fn rabbitmqctl(&self, arguments: &[&str]) -> anyhow::Result<()> {
        self.script(&[&["rabbitmqctl", &self.name], arguments].concat()).await
    }

    async fn script(&self, arguments: &[&str]) -> anyhow::Result<()> {
        let mut command = Command::new(script("services"));
        command.args(arguments);
        let what = arguments.join(" ");
        let output = tokio::task::spawn_blocking(move || command.output()).await??;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "deploy/services {what}: {said}");
        Ok(())
    }

    /// A call to the broker's management.
    pub async fn manage(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> anyhow::Result<Value> {
        let url = format!("{}/api/{path}", self.management_url);
        let mut request = reqwest::Client::new().request(method, url);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let text = request.send().await?.error_for_status()?.text().await?;
        Ok(serde_json::from_str(&text).unwrap_or_default())
    }
}

fn variable(name: &str) -> anyhow::Result<String> {
    std::env::var(name)
        .with_context(|| format!("{name} is not set: use the command of the Makefile"))
}

impl Server {
    fn name(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::RabbitMq => "rabbitmq",
        }
    }
}
