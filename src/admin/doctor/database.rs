//! Postgres, as the sessions of a worker see it.

use super::clock::{self, Skew};
use super::finding::{Examination, Server as Where};
use super::options::Settings;
use super::{growth, schema, session, spelling, transport};
use crate::store::health::{self, Server};
use crate::store::{self, Result, Role, StoreError};
use crate::wire;
use sqlx::PgConnection;

/// `nulls not distinct` begins here.
const OLDEST: i32 = 150_000;

pub(super) async fn examine(settings: &Settings) -> Examination {
    let mut examined = Examination::of(Where::Database);
    // First, for it needs no server.
    let looked = transport::examine(&mut examined, &settings.database_url);
    let looked = match looked {
        Ok(()) => essentials(&mut examined, settings).await,
        Err(error) => Err(error),
    };
    match looked {
        Ok(server) => {
            excess(&mut examined, &server, settings);
            // Its tables may be missing, or shut.
            if !examined.is_fatal() {
                spelling::examine(&mut examined, settings).await;
            }
        }
        Err(error) => examined.failed("the rest of the database", advice(&error)),
    }
    examined
}

/// What can keep a worker from starting.
///
/// # Errors
/// When the database is away.
pub(super) async fn examine_for_start(settings: &Settings) -> Result<Examination> {
    let mut examined = Examination::of(Where::Database);
    essentials(&mut examined, settings).await?;
    Ok(examined)
}

async fn essentials(examined: &mut Examination, settings: &Settings) -> Result<Server> {
    let pool = store::pool(&settings.database_url, Role::Worker(settings.statement_limit), 1)?;
    let examining = settings.statement_limit.in_time(async {
        let mut db = pool.acquire().await?;
        ask(examined, &mut db, settings).await
    });
    let examining = examining.await;
    pool.close().await;
    examining
}

async fn ask(
    examined: &mut Examination,
    db: &mut PgConnection,
    settings: &Settings,
) -> Result<Server> {
    let before = wire::now();
    let server = health::server(&mut *db).await?;
    let skew = Skew::measured(before, server.now, wire::now());
    if server.version_number < OLDEST {
        let what = format!("PostgreSQL {} is older than 15", server.version);
        examined.fatal(what, "Upgrade the database to 15 or newer");
    } else {
        examined.ok(format!("PostgreSQL {}", server.version));
    }
    if server.is_standby {
        let what = "the server is a standby: it takes no writes";
        examined.fatal(what, "Let DATABASE_URL name the primary (with several hosts: add target_session_attrs=read-write at your proxy)");
    }
    clock::judge(examined, skew);
    session::examine(examined, &mut *db, &server, settings.statement_limit).await?;
    schema::examine(examined, &mut *db, settings, &server).await?;
    growth::examine(examined, db).await?;
    Ok(server)
}

/// What our user may do beyond its needs, and how many connections it finds.
fn excess(examined: &mut Examination, server: &Server, settings: &Settings) {
    let Server { user, connections_left, connections_max, user_limit, database_limit, .. } = server;
    if server.is_superuser {
        let what = format!("user {user} can do much more than it needs: it is a superuser");
        examined.warning(what, "Run deploy/roles.sql, and let DATABASE_URL name the user that it makes for this process: who gets hold of the URL gets hold of the whole server");
    } else if server.owns_ledger {
        let what = format!(
            "user {user} can do much more than it needs: it owns the ledger, and so can rewrite it"
        );
        examined.warning(
            what,
            "Let only `redeemq migrate` go as the owner: deploy/roles.sql makes the other users",
        );
    } else {
        examined.ok(format!("user {user} is not a superuser and cannot rewrite the ledger"));
    }
    let needed = i32::try_from(settings.connections).unwrap_or(i32::MAX);
    let limits = [
        (*user_limit, format!("of user {user}")),
        (*database_limit, "to this database".to_owned()),
    ];
    let tight = limits.iter().find(|(limit, _)| (0..needed).contains(limit));
    let role = settings.role.name();
    if let Some((limit, whose)) = tight {
        let what = format!(
            "only {limit} connections {whose} are allowed, and `redeemq {role}` may open {needed}"
        );
        examined.warning(
            what,
            format!("Raise the connection limit {whose} to {needed} for each process"),
        );
    } else if *connections_left < needed {
        let what = format!(
            "{connections_left} of {connections_max} connections are left, and another `redeemq {role}` may open {needed}"
        );
        examined.warning(what, "Raise max_connections, or run fewer processes");
    } else {
        examined.ok(format!("{connections_left} of {connections_max} connections are left; a `redeemq {role}` may open {needed}"));
    }
}

fn advice(error: &StoreError) -> String {
    let code = match error {
        StoreError::Database(error) => error.as_database_error().and_then(|error| error.code()),
        _ => None,
    };
    let advice = match code.as_deref() {
        Some("08P01") => {
            "A pooler such as pgbouncer stands before the database: let DATABASE_URL name the database itself"
        }
        Some("3D000" | "28000" | "28P01") => "It rejected the login: check DATABASE_URL",
        _ => "Check that it runs and that DATABASE_URL is right",
    };
    match error {
        StoreError::Untrusted(_) => error.to_string(),
        _ => format!("{error}. {advice}"),
    }
}
