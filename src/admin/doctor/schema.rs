//! The schema: migrated to this version, in sight, and open to our user as far as its process needs.

use super::finding::Examination;
use super::options::Settings;
use super::role::Role;
use crate::store::health::{self, Schema, Server};
use crate::store::{Result, StoreError};
use sqlx::PgConnection;
use sqlx::migrate::MigrateError;
use std::collections::BTreeMap;

const REFUSED: &str = "42501";

pub(super) async fn examine(
    examined: &mut Examination,
    db: &mut PgConnection,
    settings: &Settings,
    server: &Server,
) -> Result<()> {
    match health::schema(db).await {
        Ok(schema) => {
            judge(examined, &schema);
            // Their tables may be what is missing.
            if !schema.missing.is_empty() {
                return Ok(());
            }
        }
        Err(error) if is_refused(&error) => {
            let user = &server.user;
            let what = format!("user {user} may not read the table of migrations");
            examined.warning(what, "Run deploy/roles.sql");
        }
        Err(error) => return Err(error),
    }
    rights(examined, db, settings.role, &server.user).await
}

fn judge(examined: &mut Examination, schema: &Schema) {
    let before = examined.so_far();
    let Schema { missing, newer, altered, unfinished } = schema;
    if !missing.is_empty() {
        let what = format!("migrations {} are not applied", list(missing));
        examined.fatal_for_now(what, "Run `redeemq migrate`; workers wait for it");
    }
    if !newer.is_empty() {
        let what = format!("migrations {} are newer than this redeemq", list(newer));
        let remedy =
            "Replace this redeemq with the version that has them; until then workers go on";
        examined.warning(what, remedy);
    }
    if !altered.is_empty() {
        let what = format!("migrations {} differ from those of this redeemq", list(altered));
        examined.fatal(what, "Use a released redeemq with this database, or restore the database: the schema may lack a constraint that keeps a promise");
    }
    if let Some(version) = unfinished {
        let what = format!("migration {version} was started and not finished");
        examined.fatal(what, "Restore the database, and run `redeemq migrate` again");
    }
    if examined.is_clean_since(before) {
        examined.ok("all migrations of this redeemq are applied");
    }
}

/// What our user sees, and what it may do with it.
async fn rights(
    examined: &mut Examination,
    db: &mut PgConnection,
    role: Role,
    user: &str,
) -> Result<()> {
    let before = examined.so_far();
    let needed = role.in_database().into_iter();
    let needed = needed.map(|(name, right)| (name.to_owned(), right.to_owned()));
    let (names, rights): (Vec<String>, Vec<String>) = needed.unzip();
    let unseen = health::unseen(&mut *db, &names).await?;
    if !unseen.is_empty() {
        let unseen = unseen.join(", ");
        let what = format!("{unseen} cannot be seen, though all migrations are applied");
        let remedy = format!(
            "Look at search_path of the database and of user {user}; what was dropped has to be restored"
        );
        examined.fatal(what, remedy);
    }
    let mut lacking: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, right) in health::lacking(&mut *db, &names, &rights).await? {
        lacking.entry(name).or_default().push(right);
    }
    let role = role.name();
    if !lacking.is_empty() {
        let lacking =
            lacking.iter().map(|(name, rights)| format!("{} on {name}", rights.join(", ")));
        let lacking = lacking.collect::<Vec<_>>().join("; ");
        let what = format!("user {user} lacks rights that `redeemq {role}` needs: {lacking}");
        let remedy = "Run deploy/roles.sql, as after each `redeemq migrate`, and let DATABASE_URL name the user that it makes for this process";
        examined.fatal(what, remedy);
    }
    if examined.is_clean_since(before) {
        examined.ok(format!("user {user} has the rights that `redeemq {role}` needs"));
    }
    Ok(())
}

fn list(versions: &[i64]) -> String {
    versions.iter().map(i64::to_string).collect::<Vec<_>>().join(", ")
}

fn is_refused(error: &StoreError) -> bool {
    let error = match error {
        StoreError::Database(error) | StoreError::Migration(MigrateError::Execute(error)) => error,
        _ => return false,
    };
    error.as_database_error().and_then(|e| e.code()).is_some_and(|code| code == REFUSED)
}
