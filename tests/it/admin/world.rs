//! A database for each test, commands as an operator types them, and jobs as a worker decides them.

use clap::Parser;
use redeemq::admin::{self, operator::Operator, output::Output};
use redeemq::config::operator::Operate;
use redeemq::domain::content::Content;
use redeemq::domain::decide::{Rules, Verdict, decide};
use redeemq::domain::id::ClientId;
use redeemq::domain::job::Job;
use redeemq::domain::operation::Operation;
use redeemq::domain::outcome::Outcome;
use redeemq::domain::params::Params;
use redeemq::domain::request::Request;
use redeemq::secrets::Secrets;
use redeemq::store::persist::{Entry, persist};
use redeemq::store::{MIGRATIONS, Role, load::load, migrate, pool};
use redeemq::wire::{answer, now};
use secrecy::SecretString;
use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, PgPool};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use uuid::Uuid;

const SECRET: &str = "only a secret of 32 bytes or more for tests";

/// A test's own database and directory.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) pool: PgPool,
    pub(crate) dir: PathBuf,
}

/// What a command came to.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) code: u8,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Done {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }
}

#[derive(Parser)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Operate,
}

fn server() -> String {
    std::env::var("DATABASE_URL")
        .expect("DATABASE_URL names a Postgres where tests may make databases")
}

fn database(name: &str) -> String {
    let server = server();
    let (base, _) = server.rsplit_once('/').expect("a URL with a database");
    format!("{base}/{name}")
}

async fn connect(url: &str) -> PgConnection {
    PgConnection::connect(url).await.expect("the test server answers")
}

async fn execute(db: &mut PgConnection, sql: String) {
    sqlx::raw_sql(AssertSqlSafe(sql.clone()))
        .execute(db)
        .await
        .unwrap_or_else(|e| panic!("{sql}: {e}"));
}

/// Made once for each state of the migrations, by whoever comes first.
async fn template(db: &mut PgConnection) -> String {
    // However many there are: Postgres cuts names at 63 bytes without a word.
    let mut state = DefaultHasher::new();
    MIGRATIONS.iter().for_each(|migration| migration.checksum.hash(&mut state));
    let name = format!("redeemq_admin_template_{:016x}", state.finish());
    execute(db, "select pg_advisory_lock(20260101)".to_owned()).await;
    let there: bool =
        sqlx::query_scalar("select exists (select from pg_database where datname = $1)")
            .bind(&name)
            .fetch_one(&mut *db)
            .await
            .expect("a list of databases");
    if !there {
        let raw = format!("{name}_raw");
        execute(db, format!("drop database if exists {raw}")).await;
        execute(db, format!("create database {raw}")).await;
        let fresh = PgPool::connect(&database(&raw)).await.expect("a new database");
        migrate(&fresh).await.expect("migrations run");
        fresh.close().await;
        execute(db, format!("alter database {raw} rename to {name}")).await;
    }
    execute(db, "select pg_advisory_unlock(20260101)".to_owned()).await;
    name
}

/// Runs a test in a database of its own, which is gone afterwards, come what may.
pub(crate) async fn in_world<F: Future<Output = ()> + Send + 'static>(
    test: impl FnOnce(World) -> F,
) {
    let name = format!("redeemq_admin_{}", Uuid::now_v7().simple());
    let mut db = connect(&server()).await;
    let template = template(&mut db).await;
    execute(&mut db, format!("create database {name} template {template}")).await;
    let dir = std::env::temp_dir().join(&name);
    std::fs::create_dir(&dir).expect("a directory");
    let pool = pool(&SecretString::from(database(&name)), Role::Admin, 8).expect("a pool");
    let ended = tokio::spawn(test(World { pool, dir: dir.clone() })).await;
    execute(&mut db, format!("drop database {name} with (force)")).await;
    std::fs::remove_dir_all(&dir).expect("the directory goes");
    if let Err(error) = ended {
        std::panic::resume_unwind(error.into_panic());
    }
}

pub(crate) fn secrets() -> Secrets {
    Secrets::parse(&SecretString::from(SECRET)).expect("a long secret")
}

#[derive(Clone, Default)]
struct Buffer(Arc<Mutex<Vec<u8>>>);

impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("no panic while writing").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Buffer {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().expect("no panic while writing").clone()).expect("UTF-8")
    }
}

impl World {
    /// Runs a command as it is typed; `@name` is a file of [`Self::file`].
    pub(crate) async fn admin(&self, words: &str) -> Done {
        self.admin_with(words, Some(&secrets())).await
    }

    pub(crate) async fn admin_with(&self, words: &str, secrets: Option<&Secrets>) -> Done {
        let words = words.split_whitespace().map(|word| match word.strip_prefix('@') {
            Some(file) => self.dir.join(file).to_string_lossy().into_owned(),
            None => word.to_owned(),
        });
        let cli = match Cli::try_parse_from(std::iter::once("redeemq".to_owned()).chain(words)) {
            Ok(cli) => cli,
            Err(error) => return Done { code: 2, out: String::new(), err: error.to_string() },
        };
        let (out, err) = (Buffer::default(), Buffer::default());
        let (on, name, command) = cli.command.split();
        let operator = Operator::new(self.pool.clone(), name);
        let mut output = Output::to(on.output.json, out.clone(), err.clone());
        let (code, error) = match admin::run(command, &operator, secrets, &mut output).await {
            Ok(code) if code == ExitCode::SUCCESS => (0, String::new()),
            Ok(code) if code == ExitCode::from(1) => (1, String::new()),
            Ok(code) => panic!("an exit code of its own: {code:?}"),
            Err(error) => (2, format!("{error:#}")),
        };
        Done { code, out: out.text(), err: err.text() + &error }
    }

    /// A command that must work, and its JSON.
    pub(crate) async fn ok(&self, words: &str) -> Value {
        let done = self.admin(&format!("{words} --json")).await;
        assert_eq!(done.code, 0, "{words}: {done:?}");
        done.json()
    }

    /// Writes a file that commands call `@name`.
    pub(crate) fn file(&self, name: &str, text: impl AsRef<[u8]>) {
        std::fs::write(self.dir.join(name), text).expect("a file");
    }

    /// Imports a text; says the exit code and the report.
    pub(crate) async fn import(&self, words: &str, text: impl AsRef<[u8]>) -> (u8, Value) {
        let name = format!("{}.csv", Uuid::now_v7().simple());
        self.file(&name, text);
        let done = self.admin(&format!("{words} @{name} --json")).await;
        if done.code == 2 {
            panic!("{words}: {done:?}");
        }
        (done.code, done.json())
    }

    /// A client that no test calls as.
    pub(crate) async fn client(&self, id: &str) {
        self.sql(&format!(
            "insert into client (client_id, name, api_key, api_secret_hash)
             values ('{id}', '{id}', '{id}', '')"
        ))
        .await;
    }

    pub(crate) async fn sql(&self, sql: &str) {
        let mut db = self.pool.acquire().await.expect("a connection");
        execute(&mut db, sql.to_owned()).await;
    }

    /// One value as text.
    pub(crate) async fn value(&self, sql: &str) -> String {
        let sql = format!("select coalesce(({sql})::text, 'null')");
        sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&self.pool).await.expect("one value")
    }

    /// Waits until a session of this database stands before a lock.
    pub(crate) async fn until_waiting(&self) {
        let waiting = "select count(*) from pg_stat_activity \
                       where datname = current_database() and wait_event_type = 'Lock'";
        let standing = async {
            while self.value(waiting).await == "0" {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let standing = tokio::time::timeout(Duration::from_secs(30), standing);
        standing.await.expect("nobody ever waited for the lock");
    }

    /// Decides and stores one job, as a worker does; says its code.
    pub(crate) async fn job(&self, client: &str, operation: Operation, params: Value) -> String {
        let client = ClientId::parse(client).expect("a client id");
        let params: Params = serde_json::from_value(params).expect("an object");
        let request = Request::parse(operation, &client, &params);
        let content = Content::of_unacceptable(operation, &params);
        let key = Uuid::now_v7();
        let job = Job {
            job_id: key.to_string(),
            key,
            content,
            client,
            operation,
            accepted_at: now(),
            request,
        };
        let mut transaction = self.pool.begin().await.expect("a transaction");
        let rules = || Rules { now: now(), age_max: None };
        let jobs = std::slice::from_ref(&job);
        let (mut state, rules) = load(&mut transaction, jobs, rules).await.expect("loads");
        let (verdicts, changes) = decide(jobs, &mut state, &rules);
        let [Verdict::Decided(outcome)] = verdicts.as_slice() else { panic!("{verdicts:?}") };
        let body = answer::decided(&job, outcome, rules.now);
        let entry = Entry { job: &job, outcome, body: &body };
        persist(&mut transaction, &[entry], &changes, &state, rules.now).await.expect("stores");
        transaction.commit().await.expect("commits");
        code(outcome)
    }

    /// Units of goods for a player.
    pub(crate) async fn redeem(
        &self,
        client: &str,
        goods: &str,
        player: &str,
        amount: i64,
    ) -> String {
        let params = serde_json::json!({"goods_id": goods, "player_id": player, "amount": amount});
        self.job(client, Operation::Goods, params).await
    }

    /// The audit finds nothing.
    pub(crate) async fn assert_balanced(&self) {
        let report = redeemq::store::audit::audit(&self.pool).await.expect("an audit");
        let broken: Vec<_> = report.checks.iter().filter(|check| !check.ok).collect();
        assert!(report.ok && broken.is_empty(), "{broken:#?}");
    }
}

fn code(outcome: &Outcome) -> String {
    outcome.code().as_str().to_owned()
}

/// Lines and reasons of an import's bad rows.
pub(crate) fn bad(report: &Value) -> Vec<(u64, String)> {
    let rows = report["bad"].as_array().expect("a list");
    rows.iter()
        .map(|row| {
            (
                row["line"].as_u64().expect("a line"),
                row["reason"].as_str().expect("a reason").to_owned(),
            )
        })
        .collect()
}

/// Rows, added, updated, unchanged, bad rows.
pub(crate) fn counts(report: &Value) -> [i64; 5] {
    ["rows", "added", "updated", "unchanged", "bad_rows"]
        .map(|name| report[name].as_i64().expect("a count"))
}
