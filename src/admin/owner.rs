//! Whose goods a command is about.

use crate::domain::goods::Scope;
use crate::domain::id::{BadId, ClientId, Id};
use crate::store::clients;
use anyhow::bail;
use clap::Args;
use sqlx::PgPool;

/// Longest name of a client or of goods, in bytes.
const NAME_MAX_BYTES: usize = 255;

/// One client, or one sponsor.
#[derive(Debug, Clone, Args)]
#[group(required = true, multiple = false)]
pub struct Owner {
    /// Client site that it belongs to
    #[arg(long, value_name = "ID", value_parser = ClientId::parse)]
    client: Option<ClientId>,
    /// Sponsor that offers it to all clients
    #[arg(long, value_name = "NAME", value_parser = Id::parse)]
    sponsor: Option<Id>,
}

/// At most one of them.
#[derive(Debug, Clone, Args)]
#[group(multiple = false)]
pub struct OwnerFilter {
    /// Only of this client site
    #[arg(long, value_name = "ID", value_parser = ClientId::parse)]
    pub(super) client: Option<ClientId>,
    /// Only of this sponsor
    #[arg(long, value_name = "NAME", value_parser = Id::parse)]
    pub(super) sponsor: Option<Id>,
}

impl Owner {
    /// Scope of the goods.
    pub fn scope(&self) -> Scope {
        self.client.clone().map_or(Scope::Sponsored, Scope::Client)
    }

    /// The sponsor's name.
    pub fn sponsor(&self) -> Option<&str> {
        self.sponsor.as_ref().map(Id::as_str)
    }

    /// A sponsor needs no making; a client does.
    pub(super) async fn must_exist(&self, pool: &PgPool) -> anyhow::Result<()> {
        match &self.client {
            Some(client) => client_must_exist(client, pool).await,
            None => Ok(()),
        }
    }
}

/// Rows of an unknown client would belong to no owner.
pub(super) async fn client_must_exist(client: &ClientId, pool: &PgPool) -> anyhow::Result<()> {
    if !clients::exists(pool, client).await? {
        bail!("there is no client `{client}`: see `redeemq client list`, or create it first");
    }
    Ok(())
}

/// A name for people.
///
/// # Errors
/// When it is blank, too long, or would garble a terminal.
pub fn name(text: &str) -> Result<String, BadId> {
    match text {
        _ if text.trim().is_empty() => Err(BadId::Blank),
        _ if text.len() > NAME_MAX_BYTES => Err(BadId::TooLong(NAME_MAX_BYTES)),
        _ if text.chars().any(char::is_control) => Err(BadId::Control),
        _ => Ok(text.to_owned()),
    }
}
