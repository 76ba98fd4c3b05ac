//! A place of one's own on the servers: a database, a vhost, and a user for a client site.

use crate::http::ask;
use anyhow::{Context as _, ensure};
use hyper::Method;
use redeemq::client::Client;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};
use std::process::Command;

fn server(variable: &str) -> anyhow::Result<String> {
    std::env::var(variable).with_context(|| format!("{variable} is not set: use `make demo`"))
}

fn with_path(url: &str, path: &str) -> String {
    let after_scheme = url.find("://").map_or(0, |at| at + 3);
    let end = url[after_scheme..].find('/').map_or(url.len(), |at| after_scheme + at);
    let query = url.find('?').map_or("", |at| &url[at..]);
    format!("{}/{path}{query}", &url[..end])
}

/// An empty database of this name; its URL.
pub async fn fresh_database(name: &str) -> anyhow::Result<String> {
    let url = server("DATABASE_URL")?;
    let mut db = PgConnection::connect(&url).await.context("DATABASE_URL")?;
    db.execute(AssertSqlSafe(format!("drop database if exists {name} with (force)"))).await?;
    db.execute(AssertSqlSafe(format!("create database {name}"))).await?;
    Ok(with_path(&url, name))
}

/// An empty vhost of this name, for the user of `AMQP_URL`; its URL.
pub async fn fresh_vhost(name: &str) -> anyhow::Result<String> {
    let url = server("AMQP_URL")?;
    let management = server("RABBITMQ_MANAGEMENT_URL")?;
    let management = management.trim_end_matches('/');
    let http = Client::to(management)?;
    let vhost = format!("{management}/api/vhosts/{name}");
    let gone = ask(&http, Method::DELETE, &vhost, &[], None).await;
    gone.context("RABBITMQ_MANAGEMENT_URL")?;
    let user = url.split("://").nth(1).and_then(|rest| rest.split([':', '@']).next());
    let user = user.unwrap_or("guest");
    let rights = format!("{management}/api/permissions/{name}/{user}");
    let all = serde_json::json!({"configure": ".*", "write": ".*", "read": ".*"});
    for (url, body) in [(&vhost, None), (&rights, Some(&all))] {
        let (status, text) = ask(&http, Method::PUT, url, &[], body).await?;
        ensure!((200..300).contains(&status), "the broker's management: {status} {text}");
    }
    Ok(with_path(&url, name))
}

/// The user with whom a client site reads its results, made as the manual says; its URL.
pub fn client_user(vhost: &str, client: &str) -> anyhow::Result<String> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/broker-users");
    let password = uuid::Uuid::new_v4().simple().to_string();
    let prefix = format!("{vhost}_");
    let output = Command::new(script)
        .args(["client", client])
        .env("RABBITMQ_MANAGEMENT_URL", server("RABBITMQ_MANAGEMENT_URL")?)
        .envs([
            ("AMQP_VHOST", vhost),
            ("BROKER_USER_PREFIX", &prefix),
            ("CLIENT_PASSWORD", &password),
        ])
        .output()
        .context(script)?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let url = with_path(&server("AMQP_URL")?, vhost);
    let (scheme, rest) = url.split_once("://").context("AMQP_URL is no URL")?;
    let host = rest.split_once('@').map_or(rest, |(_, host)| host);
    Ok(format!("{scheme}://{prefix}client_{client}:{password}@{host}"))
}
