//! Settings of the server, of the database or of the user that our sessions get.

use super::finding::Examination;
use crate::store::health::{self, Server, Setting};
use crate::store::{self, Result, StatementLimit};
use sqlx::PgExecutor;
use std::collections::HashMap;

/// Settings that must have one of these values.
const NEEDED: [(&str, &[&str], &str); 6] = [
    (
        "synchronous_commit",
        &["on", "local", "remote_write", "remote_apply"],
        "a crash of the server forgets decisions whose jobs are acknowledged",
    ),
    ("fsync", &["on"], "a crash of the machine can destroy the ledger"),
    (
        "default_transaction_isolation",
        &["read committed"],
        "a batch must see what others committed while it waited for its locks",
    ),
    ("default_transaction_read_only", &["off"], "nothing can be decided"),
    (
        "session_replication_role",
        &["origin"],
        "the triggers that keep the ledger append-only and the foreign keys would not run",
    ),
    ("server_encoding", &["UTF8"], "a name that it cannot store makes its job poison"),
];

/// Settings that should have this value.
const WISE: [(&str, &str, &str); 1] = [(
    "full_page_writes",
    "on",
    "after a crash of the machine pages may be torn, unless the file system never tears them (ZFS)",
)];

/// Whether sessions get what they need.
pub(super) async fn examine(
    examined: &mut Examination,
    db: impl PgExecutor<'_>,
    server: &Server,
    limit: StatementLimit,
) -> Result<()> {
    let asked_for = health::asked_for(store::Role::Worker(limit));
    let names = NEEDED.map(|(name, ..)| name).into_iter();
    let names = names.chain(WISE.map(|(name, ..)| name)).chain(["synchronous_standby_names"]);
    let names = names.chain(asked_for.iter().map(|(name, _)| *name)).map(str::to_owned);
    let found = health::settings(db, &names.collect::<Vec<_>>()).await?;
    let found = found.into_iter().map(|setting| (setting.name.clone(), setting));
    let found: HashMap<String, Setting> = found.collect();

    let before = examined.so_far();
    for (name, good, risk) in NEEDED {
        if let Some(setting) = found.get(name).filter(|s| !good.contains(&s.value.as_str())) {
            examined.fatal(is(setting, risk), remedy(setting, good[0], server));
        }
    }
    for (name, good, risk) in WISE {
        if let Some(setting) = found.get(name).filter(|setting| setting.value != good) {
            examined.warning(is(setting, risk), remedy(setting, good, server));
        }
    }
    let standbys = found.get("synchronous_standby_names");
    let waits_for_standby = standbys.is_some_and(|standbys| !standbys.value.is_empty());
    if let Some(commit) = found.get("synchronous_commit").filter(|s| s.value == "local")
        && waits_for_standby
    {
        let risk = "a failover forgets decisions that the standby had not heard of";
        examined.warning(is(commit, risk), remedy(commit, "on", server));
    }
    let lost = asked_for
        .iter()
        .filter(|(name, value)| found.get(*name).is_none_or(|setting| setting.value != **value));
    let lost: Vec<&str> = lost.map(|(name, _)| *name).collect();
    if !lost.is_empty() {
        let what = format!(
            "the session did not get what it asked for when it began ({}): a pooler such as pgbouncer stands before the database",
            lost.join(", ")
        );
        examined.fatal(what, "Let DATABASE_URL name the database itself: redeemq pools by itself, and a frozen worker must not hold its locks");
    }
    if examined.is_clean_since(before) {
        examined.ok("commits are safe on disk, and sessions have the settings they need");
    }
    Ok(())
}

fn is(setting: &Setting, risk: &str) -> String {
    format!("{} is {}: {risk}", setting.name, setting.value)
}

/// How to change a setting where it was made.
fn remedy(setting: &Setting, good: &str, server: &Server) -> String {
    let Setting { name, source, .. } = setting;
    let Server { database, user, .. } = server;
    let (database, user) = (quoted(database), quoted(user));
    match source.as_str() {
        "database" => {
            format!("`alter database {database} reset {name}`, and start the workers again")
        }
        "user" => format!("`alter role {user} reset {name}`, and start the workers again"),
        "database user" => {
            format!(
                "`alter role {user} in database {database} reset {name}`, and start the workers again"
            )
        }
        "client" => format!("Take {name} out of DATABASE_URL"),
        _ if name == "server_encoding" => {
            "Make a database with `encoding 'UTF8' template template0` and move to it".to_owned()
        }
        _ => format!("Set {name} to {good} in postgresql.conf (or with `alter system`) and reload"),
    }
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
