//! `redeemq client`: who may call.

use super::output::{Output, line};
use super::owner::name;
use crate::domain::answer_mode::AnswerMode;
use crate::domain::id::ClientId;
use crate::store::clients;
use anyhow::{anyhow, bail};
use argon2::Argon2;
use argon2::password_hash::PasswordHasher;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clap::Subcommand;
use serde::Serialize;
use sqlx::PgPool;

/// What can be done with client sites.
#[derive(Debug, Clone, Subcommand)]
pub enum ClientCommand {
    /// Add a client site and print its api_key and api_secret, this once
    Create {
        /// Lower-case letters, digits and hyphens, at most 64
        #[arg(value_parser = ClientId::parse)]
        id: ClientId,
        /// A name for people [default: the id]
        #[arg(long, value_parser = name)]
        name: Option<String>,
        /// How its requests are answered: async (202, then the status route), or sync (the decision, always with
        /// status 200), as clients of the original API expect
        #[arg(long, default_value_t)]
        answers: AnswerMode,
    },
    /// Change how the requests of a client site are answered, within 2 seconds
    Set {
        /// The client's id
        #[arg(value_parser = ClientId::parse)]
        id: ClientId,
        /// async or sync
        #[arg(long)]
        answers: AnswerMode,
    },
    /// List all client sites
    List,
    /// Refuse all requests of a client site from now on
    Disable {
        /// The client's id
        #[arg(value_parser = ClientId::parse)]
        id: ClientId,
    },
    /// Accept requests of a client site again
    Enable {
        /// The client's id
        #[arg(value_parser = ClientId::parse)]
        id: ClientId,
    },
}

#[derive(Serialize)]
struct Created<'a> {
    client_id: &'a str,
    api_key: String,
    api_secret: String,
}

#[derive(Serialize)]
struct Changed<'a> {
    client_id: &'a str,
    answers: &'static str,
}

#[derive(Serialize)]
struct Switched<'a> {
    client_id: &'a str,
    enabled: bool,
}

pub(super) async fn run(
    command: ClientCommand,
    pool: &PgPool,
    output: &mut Output,
) -> anyhow::Result<()> {
    match command {
        ClientCommand::Create { id, name, answers } => {
            create(&id, name, answers, pool, output).await
        }
        ClientCommand::Set { id, answers } => set(&id, answers, pool, output).await,
        ClientCommand::List => list(pool, output).await,
        ClientCommand::Disable { id } => switch(&id, false, pool, output).await,
        ClientCommand::Enable { id } => switch(&id, true, pool, output).await,
    }
}

async fn create(
    id: &ClientId,
    name: Option<String>,
    answers: AnswerMode,
    pool: &PgPool,
    output: &mut Output,
) -> anyhow::Result<()> {
    let api_key = format!("{:032x}", rand::random::<u128>());
    let api_secret = URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>());
    let hash = hash(api_secret.clone()).await?;
    let name = name.unwrap_or_else(|| id.to_string());
    match clients::insert(pool, id, &name, &api_key, &hash, answers).await {
        Err(error) if error.constraint() == Some("client_pkey") => bail!(
            "client `{id}` exists already, and its secret cannot be shown again: see `redeemq client list`"
        ),
        inserted => inserted?,
    }
    output.result(&Created { client_id: id.as_str(), api_key, api_secret }, |created| {
        vec![
            line(["client_id", created.client_id]),
            line(["api_key", &created.api_key]),
            line(["api_secret", &created.api_secret]),
        ]
    })?;
    output.remark("Keep the api_secret: only its hash is stored, and it cannot be shown again.");
    Ok(())
}

/// Slow on purpose, so not on a thread that serves others.
async fn hash(secret: String) -> anyhow::Result<String> {
    let hash = move || Argon2::default().hash_password(secret.as_bytes()).map(|h| h.to_string());
    tokio::task::spawn_blocking(hash)
        .await?
        .map_err(|error| anyhow!("cannot hash the api_secret: {error}"))
}

async fn list(pool: &PgPool, output: &mut Output) -> anyhow::Result<()> {
    output.result(&clients::list(pool).await?, |clients| {
        let mut lines = vec![line(["CLIENT", "STATE", "ANSWERS", "NAME"])];
        lines.extend(
            clients.iter().map(|c| line([&c.client_id, state(c.enabled), &c.answers, &c.name])),
        );
        lines
    })
}

async fn set(
    id: &ClientId,
    answers: AnswerMode,
    pool: &PgPool,
    output: &mut Output,
) -> anyhow::Result<()> {
    if !clients::set_answers(pool, id, answers).await? {
        bail!("there is no client `{id}`: see `redeemq client list`");
    }
    output.result(&Changed { client_id: id.as_str(), answers: answers.as_str() }, |changed| {
        vec![line([changed.client_id, changed.answers])]
    })
}

async fn switch(
    id: &ClientId,
    enabled: bool,
    pool: &PgPool,
    output: &mut Output,
) -> anyhow::Result<()> {
    if !clients::set_enabled(pool, id, enabled).await? {
        bail!("there is no client `{id}`: see `redeemq client list`");
    }
    output.result(&Switched { client_id: id.as_str(), enabled }, |switched| {
        vec![line([switched.client_id, state(enabled)])]
    })
}

pub(super) fn state(enabled: bool) -> &'static str {
    if enabled { "enabled" } else { "disabled" }
}
