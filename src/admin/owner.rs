//! Whose goods a command is about.

use crate::domain::goods::Scope;
use crate::domain::id::{self, BadId, ClientId, Id};
use crate::store::clients;
use anyhow::bail;
use clap::Args;
use sqlx::PgPool;
use std::fmt::{self, Display, Formatter};

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

/// A client's id, or `@` and the sponsor's name.
impl Display for Owner {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match (&self.client, &self.sponsor) {
            (Some(client), _) => f.write_str(client.as_str()),
            (None, sponsor) => write!(f, "@{}", sponsor.as_ref().map_or("", Id::as_str)),
        }
    }
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

/// A name for people, without white space around it.
///
/// # Errors
/// When it is blank, too long, or has a control or an invisible character, as in ids.
pub fn name(text: &str) -> Result<String, BadId> {
    id::checked(text, NAME_MAX_BYTES).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::printable::tests::UNPRINTABLE;

    #[test]
    fn a_name_is_what_people_see() {
        assert_eq!(name("\u{a0}Odéon, Main Street \r\n"), Ok("Odéon, Main Street".to_owned()));
        assert_eq!(name(&"x".repeat(255)).map(|name| name.len()), Ok(255));
        for bad in ["", " \u{3000}", &"x".repeat(256)] {
            assert!(name(bad).is_err(), "{bad:?}");
        }
        for character in UNPRINTABLE {
            assert!(name(&format!("Odéon{character}Main")).is_err(), "{character:?}");
        }
    }
}
