//! `redeemq branch`: which branches of merchants may verify which pools, by their PINs.

use super::client::state;
use super::operator::Operator;
use super::output::{Output, line};
use super::owner::{Owner, OwnerFilter};
use crate::domain::goods::Scope;
use crate::domain::id::Id;
use crate::secrets::Secrets;
use crate::secrets::option::SecretOption;
use crate::store::audit_log::Change;
use crate::store::branches::{self, NewBranch};
use crate::store::pools;
use anyhow::{Context as _, bail};
use clap::Subcommand;
use rand::distr::{Alphanumeric, SampleString as _};
use serde::Serialize;
use serde_json::json;
use sqlx::{PgConnection, PgPool};

/// Characters of a PIN, each out of `[0-9A-Za-z]`.
const PIN_CHARS: usize = 7;
/// Draws until a PIN is free: with a million branches, one draw in three million is not.
const DRAWS_MAX: usize = 10;

/// What can be done with branches.
#[derive(Debug, Clone, Subcommand)]
pub enum BranchCommand {
    /// Add a branch that may verify some pools, and print its PIN, this once
    Create {
        /// Whose
        #[command(flatten)]
        owner: Owner,
        /// The merchant's name
        #[arg(long, value_parser = Id::parse)]
        merchant: Id,
        /// The branch's name; returned when a coupon is verified again
        #[arg(long, value_parser = Id::parse)]
        branch: Id,
        /// Pools that it may verify
        #[arg(long = "group", value_name = "G", required = true, num_args = 1.., value_parser = Id::parse)]
        groups: Vec<Id>,
        #[command(flatten)]
        secret: SecretOption,
    },
    /// List branches
    List {
        /// Whose
        #[command(flatten)]
        owner: OwnerFilter,
    },
    /// Refuse the PIN of a branch from now on
    Disable {
        /// The branch's id
        id: i64,
    },
    /// Accept the PIN of a branch again
    Enable {
        /// The branch's id
        id: i64,
    },
    /// Give a branch another PIN and print it, this once
    NewPin {
        /// The branch's id
        id: i64,
        #[command(flatten)]
        secret: SecretOption,
    },
}

impl BranchCommand {
    pub(super) fn secret(&self) -> Option<&SecretOption> {
        match self {
            BranchCommand::Create { secret, .. } | BranchCommand::NewPin { secret, .. } => {
                Some(secret)
            }
            _ => None,
        }
    }
}

#[derive(Serialize)]
struct Pin {
    branch_id: String,
    pin_code: String,
}

#[derive(Serialize)]
struct Switched {
    branch_id: String,
    enabled: bool,
}

pub(super) async fn run(
    command: BranchCommand,
    operator: &Operator,
    secrets: Option<&Secrets>,
    output: &mut Output,
) -> anyhow::Result<()> {
    let secrets = || {
        secrets.context(
            "REDEEMQ_SECRET is not set: PINs are stored as hashes keyed with it, and the ingress must have the same",
        )
    };
    let pin = match command {
        BranchCommand::Create { owner, merchant, branch, groups, .. } => {
            owner.must_exist(&operator.store).await?;
            create(&owner, &merchant, &branch, &groups, operator, secrets()?).await?
        }
        BranchCommand::NewPin { id, .. } => new_pin(id, operator, secrets()?).await?,
        BranchCommand::List { owner } => return list(&owner, &operator.store, output).await,
        BranchCommand::Disable { id } => return switch(id, false, operator, output).await,
        BranchCommand::Enable { id } => return switch(id, true, operator, output).await,
    };
    output.result(&pin, |pin| {
        vec![line(["branch_id", &pin.branch_id]), line(["pin_code", &pin.pin_code])]
    })?;
    output.remark("Keep the PIN: only a keyed hash is stored, and it cannot be shown again.");
    Ok(())
}

/// The thread's generator is cryptographic; the letters are drawn evenly.
fn draw() -> String {
    Alphanumeric.sample_string(&mut rand::rng(), PIN_CHARS)
}

async fn create(
    owner: &Owner,
    merchant: &Id,
    branch: &Id,
    groups: &[Id],
    operator: &Operator,
    secrets: &Secrets,
) -> anyhow::Result<Pin> {
    let scope = owner.scope();
    let goods = find_pools(owner, groups, &operator.store).await?;
    for _ in 0..DRAWS_MAX {
        let pin = draw();
        let (key_id, pin_hash) = secrets.new_pin_hash(&pin);
        let new = NewBranch {
            scope: &scope,
            sponsor: owner.sponsor(),
            merchant: merchant.as_str(),
            name: branch.as_str(),
            key_id: &key_id,
            pin_hash: &pin_hash,
        };
        let mut transaction = operator.store.begin().await?;
        match branches::insert(&mut *transaction, &new).await {
            Err(error) if is_taken(&error) => transaction.rollback().await?,
            Err(error) if error.constraint() == Some("branch_is_unique") => bail!(
                "`{merchant}` has a branch `{branch}` already: see `redeemq branch list`, or give it a `new-pin`"
            ),
            inserted => {
                let id = inserted?;
                branches::allow(&mut *transaction, id, &goods).await?;
                let groups: Vec<&str> = groups.iter().map(Id::as_str).collect();
                let after = json!({"owner": owner.to_string(), "merchant": merchant.as_str(),
                                   "branch": branch.as_str(), "groups": groups});
                let subject = id.to_string();
                let change = Change::to("branch create", &subject, after);
                operator.log(&mut transaction, change).await?;
                transaction.commit().await?;
                return Ok(Pin { branch_id: id.to_string(), pin_code: pin });
            }
        }
    }
    bail!("{DRAWS_MAX} random PINs were all taken: try again")
}

fn is_taken(error: &crate::store::StoreError) -> bool {
    error.constraint() == Some("branch_pin_is_unique")
}

async fn find_pools(owner: &Owner, groups: &[Id], pool: &PgPool) -> anyhow::Result<Vec<i64>> {
    let names: Vec<String> = groups.iter().map(Id::to_string).collect();
    let mut pools = pools::find(pool, &owner.scope(), &names).await?;
    pools.retain(|pool| pool.sponsor.as_deref() == owner.sponsor());
    let unknown: Vec<String> = groups
        .iter()
        .filter(|group| pools.iter().all(|pool| pool.group != group.as_str()))
        .map(|group| format!("`{group}`"))
        .collect();
    if !unknown.is_empty() {
        bail!(
            "this owner has no pool {}: create it with `redeemq goods import` (column `group`)",
            unknown.join(", ")
        );
    }
    Ok(pools.into_iter().map(|pool| pool.goods).collect())
}

async fn new_pin(id: i64, operator: &Operator, secrets: &Secrets) -> anyhow::Result<Pin> {
    for _ in 0..DRAWS_MAX {
        let pin = draw();
        let (key_id, pin_hash) = secrets.new_pin_hash(&pin);
        let mut transaction = operator.store.begin().await?;
        lock(&mut transaction, id).await?;
        match branches::set_pin(&mut *transaction, id, &key_id, &pin_hash).await {
            Err(error) if is_taken(&error) => transaction.rollback().await?,
            changed => {
                changed?;
                let after = json!({"pin": "replaced"});
                let subject = id.to_string();
                let change = Change::to("branch new-pin", &subject, after);
                operator.log(&mut transaction, change).await?;
                transaction.commit().await?;
                return Ok(Pin { branch_id: id.to_string(), pin_code: pin });
            }
        }
    }
    bail!("{DRAWS_MAX} random PINs were all taken: try again")
}

/// Whether the branch, which is locked until the transaction ends, is enabled.
async fn lock(db: &mut PgConnection, id: i64) -> anyhow::Result<bool> {
    let enabled = branches::lock(db, id).await?;
    enabled.with_context(|| format!("there is no branch {id}: see `redeemq branch list`"))
}

async fn list(filter: &OwnerFilter, pool: &PgPool, output: &mut Output) -> anyhow::Result<()> {
    let scope = filter.client.clone().map(Scope::Client);
    let sponsor = filter.sponsor.as_ref().map(Id::as_str);
    output.result(&branches::list(pool, scope.as_ref(), sponsor).await?, |branches| {
        let mut lines = vec![line(["ID", "OWNER", "MERCHANT", "BRANCH", "STATE", "GROUPS"])];
        lines.extend(branches.iter().map(|b| {
            let owner = b.sponsor.as_ref().map(|s| format!("sponsor {s}")).or(b.client_id.clone());
            let owner = owner.unwrap_or_default();
            let groups = b.groups.join(", ");
            line([&b.branch_id, &owner, &b.merchant, &b.branch, state(b.enabled), &groups])
        }));
        lines
    })
}

async fn switch(
    id: i64,
    enabled: bool,
    operator: &Operator,
    output: &mut Output,
) -> anyhow::Result<()> {
    let mut db = operator.store.begin().await?;
    let before = lock(&mut db, id).await?;
    branches::set_enabled(&mut *db, id, enabled).await?;
    let what = if enabled { "branch enable" } else { "branch disable" };
    let told = |enabled: bool| json!({"enabled": enabled});
    let subject = id.to_string();
    operator.log(&mut db, Change::between(what, &subject, told(before), told(enabled))).await?;
    db.commit().await?;
    output.result(&Switched { branch_id: subject, enabled }, |switched| {
        vec![line([&switched.branch_id, state(enabled)])]
    })
}
