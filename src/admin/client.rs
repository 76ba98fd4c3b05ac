//! `redeemq client`: who may call.

use super::operator::Operator;
use super::output::{Output, line};
use super::owner::name;
use super::span::span;
use crate::domain::answer_mode::AnswerMode;
use crate::domain::id::ClientId;
use crate::store::audit_log::Change;
use crate::store::clients::{self, Terms};
use crate::wire;
use anyhow::{anyhow, bail};
use argon2::Argon2;
use argon2::password_hash::PasswordHasher;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clap::Subcommand;
use serde::Serialize;
use serde_json::json;
use sqlx::{PgConnection, PgPool};
use std::time::Duration;
use time::OffsetDateTime;

const KEEP: &str = "Keep the api_secret: only its hash is stored, and it cannot be shown again.";

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
    /// Give a client site another api_secret and print it, this once; the old one ends at once
    NewSecret {
        /// The client's id
        #[arg(value_parser = ClientId::parse)]
        id: ClientId,
        /// How long the old one is taken as well, as in 30m, 1h or 7d
        #[arg(long, value_name = "SPAN", value_parser = span)]
        overlap: Option<Duration>,
    },
    /// End all tokens of a client site for good, within 2 seconds
    RevokeTokens {
        /// The client's id
        #[arg(value_parser = ClientId::parse)]
        id: ClientId,
    },
    /// Refuse all requests of a client site from now on, and end its tokens for good
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

#[derive(Serialize)]
struct NewSecret<'a> {
    client_id: &'a str,
    api_secret: String,
    /// Until when the old one is taken.
    #[serde(with = "time::serde::rfc3339::option")]
    old_until: Option<OffsetDateTime>,
}

#[derive(Serialize)]
struct Revoked<'a> {
    client_id: &'a str,
    tokens: &'static str,
}

pub(super) async fn run(
    command: ClientCommand,
    operator: &Operator,
    output: &mut Output,
) -> anyhow::Result<()> {
    match command {
        ClientCommand::Create { id, name, answers } => {
            create(&id, name, answers, operator, output).await
        }
        ClientCommand::Set { id, answers } => set(&id, answers, operator, output).await,
        ClientCommand::List => list(&operator.store, output).await,
        ClientCommand::NewSecret { id, overlap } => {
            new_secret(&id, overlap, operator, output).await
        }
        ClientCommand::RevokeTokens { id } => revoke_tokens(&id, operator, output).await,
        ClientCommand::Disable { id } => switch(&id, false, operator, output).await,
        ClientCommand::Enable { id } => switch(&id, true, operator, output).await,
    }
}

async fn create(
    id: &ClientId,
    name: Option<String>,
    answers: AnswerMode,
    operator: &Operator,
    output: &mut Output,
) -> anyhow::Result<()> {
    let api_key = format!("{:032x}", rand::random::<u128>());
    let (api_secret, hash) = draw_secret().await?;
    let name = name.unwrap_or_else(|| id.to_string());
    let mut db = operator.store.begin().await?;
    match clients::insert(&mut *db, id, &name, &api_key, &hash, answers).await {
        Err(error) if error.constraint() == Some("client_pkey") => bail!(
            "client `{id}` exists already, and its secret cannot be shown again: see `redeemq client list`, or give it another with `redeemq client new-secret`"
        ),
        inserted => inserted?,
    }
    let after = json!({"name": name, "answers": answers.as_str()});
    operator.log(&mut db, Change::to("client create", id.as_str(), after)).await?;
    db.commit().await?;
    output.result(&Created { client_id: id.as_str(), api_key, api_secret }, |created| {
        vec![
            line(["client_id", created.client_id]),
            line(["api_key", &created.api_key]),
            line(["api_secret", &created.api_secret]),
        ]
    })?;
    output.remark(KEEP);
    Ok(())
}

/// A new api_secret and its hash.
async fn draw_secret() -> anyhow::Result<(String, String)> {
    let api_secret = URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>());
    let hash = hash(api_secret.clone()).await?;
    Ok((api_secret, hash))
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

/// A client that is locked until the transaction ends, and what it is like.
async fn lock(db: &mut PgConnection, id: &ClientId) -> anyhow::Result<Terms> {
    let terms = clients::lock(db, id).await?;
    terms.ok_or_else(|| anyhow!("there is no client `{id}`: see `redeemq client list`"))
}

async fn set(
    id: &ClientId,
    answers: AnswerMode,
    operator: &Operator,
    output: &mut Output,
) -> anyhow::Result<()> {
    let mut db = operator.store.begin().await?;
    let before = lock(&mut db, id).await?.answers;
    clients::set_answers(&mut *db, id, answers).await?;
    let told = |answers: AnswerMode| json!({"answers": answers.as_str()});
    let change = Change::between("client set", id.as_str(), told(before), told(answers));
    operator.log(&mut db, change).await?;
    db.commit().await?;
    output.result(&Changed { client_id: id.as_str(), answers: answers.as_str() }, |changed| {
        vec![line([changed.client_id, changed.answers])]
    })
}

async fn new_secret(
    id: &ClientId,
    overlap: Option<Duration>,
    operator: &Operator,
    output: &mut Output,
) -> anyhow::Result<()> {
    let (api_secret, hash) = draw_secret().await?;
    let old_until = overlap.map(|overlap| wire::now() + overlap);
    let mut db = operator.store.begin().await?;
    lock(&mut db, id).await?;
    clients::set_secret(&mut *db, id, &hash, old_until).await?;
    let after = json!({"api_secret": "replaced", "old_until": old_until.map(wire::rfc3339)});
    operator.log(&mut db, Change::to("client new-secret", id.as_str(), after)).await?;
    db.commit().await?;
    output.result(&NewSecret { client_id: id.as_str(), api_secret, old_until }, |new| {
        let until = new.old_until.map_or_else(|| "now".to_owned(), wire::rfc3339);
        vec![
            line(["client_id", new.client_id]),
            line(["api_secret", &new.api_secret]),
            line(["old secret ends", &until]),
        ]
    })?;
    output.remark(KEEP);
    output.remark(&format!(
        "Tokens that were made before live on until they expire; `redeemq client revoke-tokens {id}` ends them."
    ));
    Ok(())
}

async fn revoke_tokens(
    id: &ClientId,
    operator: &Operator,
    output: &mut Output,
) -> anyhow::Result<()> {
    let mut db = operator.store.begin().await?;
    lock(&mut db, id).await?;
    clients::revoke_tokens(&mut *db, id).await?;
    let after = json!({"tokens": "revoked"});
    operator.log(&mut db, Change::to("client revoke-tokens", id.as_str(), after)).await?;
    db.commit().await?;
    output.result(&Revoked { client_id: id.as_str(), tokens: "revoked" }, |revoked| {
        vec![line([revoked.client_id, revoked.tokens])]
    })
}

async fn switch(
    id: &ClientId,
    enabled: bool,
    operator: &Operator,
    output: &mut Output,
) -> anyhow::Result<()> {
    let mut db = operator.store.begin().await?;
    let before = lock(&mut db, id).await?.enabled;
    clients::set_enabled(&mut db, id, enabled).await?;
    let what = if enabled { "client enable" } else { "client disable" };
    let told = |enabled: bool| json!({"enabled": enabled});
    operator.log(&mut db, Change::between(what, id.as_str(), told(before), told(enabled))).await?;
    db.commit().await?;
    output.result(&Switched { client_id: id.as_str(), enabled }, |switched| {
        vec![line([switched.client_id, state(enabled)])]
    })
}

pub(super) fn state(enabled: bool) -> &'static str {
    if enabled { "enabled" } else { "disabled" }
}
