//! What a server, a user's rights and the schema are like, for those who judge whether they will do.

use super::{MIGRATIONS, Result, Role};
use sqlx::migrate::{AppliedMigration, Migrate as _};
use sqlx::{PgConnection, PgExecutor};
use time::OffsetDateTime;

/// The server, and our user on it.
#[derive(Debug, Clone)]
pub struct Server {
    /// As in `15.4`.
    pub version: String,
    /// As in 150004.
    pub version_number: i32,
    pub database: String,
    pub user: String,
    /// A standby: it takes no writes.
    pub is_standby: bool,
    /// Whether the user may do anything at all.
    pub is_superuser: bool,
    /// Whether the user owns the ledger, and so could rewrite it.
    pub owns_ledger: bool,
    /// Connections that are left for our user on the server.
    pub connections_left: i32,
    /// `max_connections`.
    pub connections_max: i32,
    /// Most connections of our user; -1 is no limit.
    pub user_limit: i32,
    /// Most connections to this database; -1 is no limit.
    pub database_limit: i32,
    /// The clock of the server.
    pub now: OffsetDateTime,
}

/// A setting as this session has it.
#[derive(Debug, Clone)]
pub struct Setting {
    pub name: String,
    /// Its value, with the unit, as `show` prints it.
    pub value: String,
    /// Where the value comes from: `configuration file`, `database`, `user`, `database user`, …
    pub source: String,
}

#[derive(Debug, Clone)]
pub struct LedgerSize {
    /// Its rows, as the planner estimates them.
    pub decisions: i64,
    /// Its size on disk with its indexes.
    pub bytes: i64,
    /// `max_wal_size`.
    pub log_bytes_max: i64,
}

/// Tells how large the ledger is; none where there is no ledger.
pub async fn ledger_size(db: impl PgExecutor<'_>) -> Result<Option<LedgerSize>> {
    Ok(sqlx::query_as!(
        LedgerSize,
        r#"select greatest(c.reltuples, 0)::bigint as "decisions!",
                  pg_total_relation_size(c.oid) as "bytes!",
                  pg_size_bytes(current_setting('max_wal_size')) as "log_bytes_max!"
           from pg_class as c where c.oid = to_regclass('ledger')"#
    )
    .fetch_optional(db)
    .await?)
}

pub async fn server(db: impl PgExecutor<'_>) -> Result<Server> {
    Ok(sqlx::query_as!(
        Server,
        r#"select current_setting('server_version') as "version!",
                  current_setting('server_version_num')::integer as "version_number!",
                  current_database()::text as "database!",
                  current_user::text as "user!",
                  pg_is_in_recovery() as "is_standby!",
                  r.rolsuper as "is_superuser!",
                  coalesce((select pg_has_role(c.relowner, 'usage') from pg_class as c
                            where c.oid = to_regclass('ledger')), false) as "owns_ledger!",
                  (current_setting('max_connections')::integer
                   - case when r.rolsuper then 0 else
                         current_setting('superuser_reserved_connections')::integer
                         + coalesce(current_setting('reserved_connections', true), '0')::integer end
                   - (select count(*) from pg_stat_activity
                      where backend_type = 'client backend')::integer) as "connections_left!",
                  current_setting('max_connections')::integer as "connections_max!",
                  r.rolconnlimit as "user_limit!",
                  d.datconnlimit as "database_limit!",
                  clock_timestamp() as "now!"
           from pg_roles as r, pg_database as d
           where r.rolname = current_user and d.datname = current_database()"#
    )
    .fetch_one(db)
    .await?)
}

/// Settings by name; those that this server does not know are left out.
pub async fn settings(db: impl PgExecutor<'_>, names: &[String]) -> Result<Vec<Setting>> {
    Ok(sqlx::query_as!(
        Setting,
        r#"select name as "name!", current_setting(name) as "value!", source as "source!"
           from pg_settings where name = any($1)"#,
        names
    )
    .fetch_all(db)
    .await?)
}

/// What the sessions of a role ask for when they begin.
pub fn asked_for(role: Role) -> Vec<(&'static str, String)> {
    role.settings()
}

/// Those of these tables and functions that can't be seen under their plain names.
pub async fn unseen(db: impl PgExecutor<'_>, names: &[String]) -> Result<Vec<String>> {
    Ok(sqlx::query_scalar!(
        r#"select distinct name as "name!" from unnest($1::text[]) as name
           where to_regclass(name) is null and to_regproc(name) is null order by 1"#,
        names
    )
    .fetch_all(db)
    .await?)
}

/// Those of these rights that our user lacks: each on one table (on all or some of its columns) or on
/// one function. What can't be seen is left out.
pub async fn lacking(
    db: impl PgExecutor<'_>,
    names: &[String],
    rights: &[String],
) -> Result<Vec<(String, String)>> {
    let rows = sqlx::query!(
        r#"select n.name as "name!", n.wanted as "right!"
           from unnest($1::text[], $2::text[]) as n (name, wanted)
           where not coalesce(case n.wanted
                              when 'execute' then has_function_privilege(to_regproc(n.name)::oid, 'execute')
                              when 'delete' then has_table_privilege(to_regclass(n.name), 'delete')
                              else has_any_column_privilege(to_regclass(n.name), n.wanted) end, true)"#,
        names,
        rights
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(|row| (row.name, row.right)).collect())
}

/// How the schema stands against the migrations that are built in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Schema {
    pub missing: Vec<i64>,
    /// Applied by a newer version of this software.
    pub newer: Vec<i64>,
    /// Applied with another text than is built in.
    pub altered: Vec<i64>,
    pub unfinished: Option<i64>,
}

impl Schema {
    pub(crate) fn of(applied: &[AppliedMigration], unfinished: Option<i64>) -> Self {
        let mut schema = Self { unfinished, ..Self::default() };
        for wanted in MIGRATIONS.iter() {
            match applied.iter().find(|applied| applied.version == wanted.version) {
                None => schema.missing.push(wanted.version),
                Some(applied) if applied.checksum != wanted.checksum => {
                    schema.altered.push(wanted.version);
                }
                Some(_) => {}
            }
        }
        let known = |version| MIGRATIONS.iter().any(|wanted| wanted.version == version);
        let versions = applied.iter().map(|applied| applied.version);
        schema.newer = versions.filter(|version| !known(*version)).collect();
        schema
    }
}

/// The notes that `migrate` keeps, by its own reader. A database without them is not migrated.
///
/// # Errors
/// When the database is away, or the user may not read the notes.
pub async fn schema(db: &mut PgConnection) -> Result<Schema> {
    let notes = MIGRATIONS.table_name.as_ref();
    if !unseen(&mut *db, &[notes.to_owned()]).await?.is_empty() {
        return Ok(Schema::of(&[], None));
    }
    let unfinished = db.dirty_version(notes).await?;
    Ok(Schema::of(&db.list_applied_migrations(notes).await?, unfinished))
}
