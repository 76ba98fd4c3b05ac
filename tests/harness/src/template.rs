//! Databases that a test starts with: copies of templates, which the first test makes that needs one.

use super::site::server;
use super::{commands, rights};
use redeemq::store::{self, Role};
use secrecy::SecretString;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

/// Held while a test makes a template.
const LOCK: i64 = 0x7265_6465_656d;

/// Of those in the usual world.
const CLIENTS: [&str; 2] = ["acme", "zeta"];

/// What is in a database before a test begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Template {
    /// The schema, and who may do what.
    Empty,
    /// The usual clients with their players as well.
    WithClients,
}

impl Template {
    /// A database of this name; its URL.
    pub(crate) async fn copy(self, name: &str) -> String {
        let mut db = maintenance().await;
        let lock = sqlx::query("select pg_advisory_lock($1)").bind(LOCK);
        db.execute(lock).await.expect("a lock");
        let template = self.get(&mut db).await;
        let unlock = sqlx::query("select pg_advisory_unlock($1)").bind(LOCK);
        db.execute(unlock).await.expect("unlocked");
        create(&mut db, name, Some(&template)).await;
        url_of(name)
    }

    /// Its name, which tells of all that is in it: other migrations make another one.
    fn name(self) -> String {
        let mut state = DefaultHasher::new();
        store::MIGRATIONS.iter().for_each(|migration| migration.checksum.hash(&mut state));
        (rights::script(), players()).hash(&mut state);
        format!("redeemq_template_{:016x}_{self:?}", state.finish()).to_lowercase()
    }

    async fn get(self, db: &mut PgConnection) -> String {
        let name = self.name();
        let known = sqlx::query("select from pg_database where datname = $1").bind(&name);
        if known.fetch_optional(&mut *db).await.expect("a look").is_none() {
            let making = format!("{name}_making");
            execute(db, format!("drop database if exists {making}")).await;
            Box::pin(self.make(db, &making)).await;
            execute(db, format!("alter database {making} rename to {name}")).await;
        }
        name
    }

    async fn make(self, db: &mut PgConnection, name: &str) {
        let url = url_of(name);
        match self {
            Self::Empty => {
                create(db, name, None).await;
                let pool = store::pool(&SecretString::from(url.clone()), Role::Admin, 1);
                let pool = pool.expect("a pool");
                store::migrate(&pool).await.expect("migrated");
                pool.close().await;
                rights::give(&url).await;
                rights::share_what_tests_make(&url).await;
            }
            Self::WithClients => {
                let empty = Self::Empty.get(db).await;
                create(db, name, Some(&empty)).await;
                add_clients(&url);
            }
        }
    }
}

fn players() -> String {
    let mut rows = "player_id,asset,amount\n".to_owned();
    for player in 1..=9 {
        for asset in ["point,1000", "badge:gold,5", "custom:gem,5"] {
            rows.push_str(&format!("p{player},{asset}\n"));
        }
    }
    rows
}

fn add_clients(database_url: &str) {
    let file = std::env::temp_dir().join(format!("{}.csv", uuid::Uuid::new_v4().simple()));
    std::fs::write(&file, players()).expect("a file");
    let path = file.to_str().expect("a path in UTF-8");
    for client in CLIENTS {
        commands::run(database_url, &["client", "create", client]);
        let import = ["players", "import", "--client", client, "--import-id", "start", path];
        commands::run(database_url, &import);
    }
    std::fs::remove_file(file).expect("removed");
}

async fn create(db: &mut PgConnection, name: &str, template: Option<&str>) {
    let template = template.map(|template| format!(" template {template}"));
    execute(db, format!("create database {name}{}", template.unwrap_or_default())).await;
}

async fn execute(db: &mut PgConnection, sql: String) {
    db.execute(AssertSqlSafe(sql.clone())).await.expect(&sql);
}

/// A connection to the server for what concerns all of it.
pub async fn maintenance() -> PgConnection {
    PgConnection::connect(&server("DATABASE_URL")).await.expect("the database server")
}

fn url_of(database: &str) -> String {
    with_path(&server("DATABASE_URL"), database)
}

/// The same server's URL with another path.
pub(crate) fn with_path(url: &str, path: &str) -> String {
    let after_scheme = url.find("://").map_or(0, |at| at + 3);
    let end = url[after_scheme..].find('/').map_or(url.len(), |at| after_scheme + at);
    let query = url.find('?').map_or("", |at| &url[at..]);
    format!("{}/{path}{query}", &url[..end])
}
