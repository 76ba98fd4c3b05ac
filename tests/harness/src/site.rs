//! One test's own database and vhost.

use super::http::Caller;
use super::process::{Process, Role, SECRET};
use super::template::{Template, maintenance, with_path};
use super::{commands, eventually, leaks, places, rights};
use redeemq::store::{self, Role as StoreRole};
use secrecy::SecretString;
use serde_json::Value;
use sqlx::{AssertSqlSafe, Executor as _, PgPool};
use std::path::PathBuf;
use std::process::Output;

/// Where a site's vhost is.
#[derive(Clone)]
pub struct Broker {
    pub amqp_url: String,
    pub management_url: String,
}

impl Broker {
    /// The one that all tests share.
    pub fn shared() -> Self {
        let (amqp_url, management_url) = (server("AMQP_URL"), server("RABBITMQ_MANAGEMENT_URL"));
        Self { amqp_url, management_url }
    }

    /// A call to its management API.
    pub async fn manage(
        &self,
        method: reqwest::Method,
        path: &str,
        body: Option<Value>,
    ) -> reqwest::Result<reqwest::Response> {
        let url = format!("{}/api/{path}", self.management_url.trim_end_matches('/'));
        let mut request = reqwest::Client::new().request(method, url);
        if let Some(body) = body {
            request = request.json(&body);
        }
        request.send().await?.error_for_status()
    }

    /// Its version, without the last part.
    pub async fn version(&self) -> (u32, u32) {
        let overview =
            self.manage(reqwest::Method::GET, "overview", None).await.expect("an answer");
        let overview: Value = overview.json().await.expect("JSON");
        let version = overview["rabbitmq_version"].as_str().expect("a version");
        let mut parts = version.split('.').map(|part| part.parse().expect("a number"));
        (parts.next().expect("a number"), parts.next().expect("a second one"))
    }

    /// Whether it counts a delivery that a consumer gives back, or is made to.
    pub async fn counts_returns(&self) -> bool {
        self.version().await < (4, 3)
    }

    async fn create_vhost(&self, name: &str) {
        self.manage(reqwest::Method::PUT, &format!("vhosts/{name}"), None).await.expect("a vhost");
        let all = serde_json::json!({"configure": ".*", "write": ".*", "read": ".*"});
        let user = self.amqp_url.split("://").nth(1).and_then(|rest| rest.split(':').next());
        let path = format!("permissions/{name}/{}", user.unwrap_or("guest"));
        self.manage(reqwest::Method::PUT, &path, Some(all)).await.expect("permissions");
    }
}

pub struct Site {
    pub broker: Broker,
    pub name: String,
    pub database_url: String,
    pub amqp_url: String,
    pub store: PgPool,
    files: PathBuf,
}

pub fn server(variable: &str) -> String {
    std::env::var(variable)
        .unwrap_or_else(|_| panic!("{variable} is not set: run the tests with `make test`"))
}

impl Site {
    /// A fresh one.
    pub async fn open() -> Self {
        Self::open_on(Broker::shared()).await
    }

    /// A fresh one, with its vhost on this broker.
    pub async fn open_on(broker: Broker) -> Self {
        Self::copy(Template::Empty, broker).await
    }

    async fn copy(template: Template, broker: Broker) -> Self {
        let name = format!("t_{}", uuid::Uuid::new_v4().simple());
        let database_url = template.copy(&name).await;
        broker.create_vhost(&name).await;
        let files = std::env::temp_dir().join(&name);
        std::fs::create_dir_all(&files).expect("a folder for files");
        let url = SecretString::from(database_url.clone());
        Self {
            amqp_url: with_path(&broker.amqp_url, &name),
            broker,
            store: store::pool(&url, StoreRole::Admin, 4).expect("a pool"),
            database_url,
            name,
            files,
        }
    }

    /// The usual world: clients acme and zeta, each with players p1..p9 (1,000 points, 5 gold, 5 gems).
    pub async fn with_clients() -> Self {
        Self::with_clients_on(Broker::shared()).await
    }

    /// The same, with its vhost on this broker.
    pub async fn with_clients_on(broker: Broker) -> Self {
        Self::copy(Template::WithClients, broker).await
    }

    /// Runs a command to its end.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.run_with(arguments, &[])
    }

    /// The same with further environment.
    pub fn run_with(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Output {
        let output = std::process::Command::new(places::binary())
            .args(arguments)
            .env("DATABASE_URL", rights::database_for_command(arguments, &self.database_url))
            .env("AMQP_URL", &self.amqp_url)
            .env("RABBITMQ_MANAGEMENT_URL", &self.broker.management_url)
            .env("REDEEMQ_SECRET", SECRET)
            .env("RUST_LOG", "trace")
            .envs(environment.iter().copied())
            .output()
            .expect("the binary runs");
        leaks::keep_fields(&self.name, &serde_json::from_slice(&output.stdout).unwrap_or_default());
        leaks::search(&self.name, String::from_utf8_lossy(&output.stderr).into_owned());
        output
    }

    /// Runs a command that must succeed, for its JSON.
    pub fn json(&self, arguments: &[&str]) -> Value {
        let output = self.run(&[arguments, &["--json"]].concat());
        let complaints = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {complaints}");
        serde_json::from_slice(&output.stdout).expect("JSON")
    }

    /// The same without a process of its own, for what a test starts with.
    pub fn made(&self, arguments: &[&str]) -> Value {
        commands::run(&self.database_url, arguments)
    }

    /// Imports rows that must all be good.
    pub fn import(&self, arguments: &[&str], rows: &str) -> Value {
        let file = self.file(rows);
        let file = file.to_str().expect("a path in UTF-8");
        self.made(&[arguments, &[file]].concat())
    }

    /// Goods of a client, or of a sponsor when the owner is `@name`.
    pub fn goods(&self, owner: &str, rows: &str) -> Value {
        self.import(&[&["goods", "import"], &owner_of(owner)[..]].concat(), rows)
    }

    /// Codes of a pool.
    pub fn coupons(&self, owner: &str, group: &str, rows: &str) -> Value {
        let arguments = [&["coupons", "import"], &owner_of(owner)[..], &["--group", group]];
        self.import(&arguments.concat(), rows)
    }

    /// A branch that may verify a pool; its PIN.
    pub fn branch(&self, owner: &str, name: &str, group: &str) -> String {
        let what = ["--merchant", "Mart", "--branch", name, "--group", group];
        let arguments = [&["branch", "create"], &owner_of(owner)[..], &what];
        self.made(&arguments.concat())["pin_code"].as_str().expect("a PIN").to_owned()
    }

    /// A file with these contents.
    pub fn file(&self, contents: &str) -> PathBuf {
        let path = self.files.join(format!("{}.csv", uuid::Uuid::new_v4().simple()));
        std::fs::write(&path, contents).expect("a file");
        path
    }

    /// Starts ingress and worker in one process.
    pub async fn serve(&self) -> Process {
        self.start(Role::Serve, &[]).await
    }

    /// Starts a process with further environment.
    pub async fn start(&self, role: Role, environment: &[(&str, &str)]) -> Process {
        let database_url = rights::database_for(role, &self.database_url);
        Process::start(role, &self.environment(&database_url, environment)).await
    }

    /// The same, without waiting for the servers behind it.
    pub async fn launch(&self, role: Role, environment: &[(&str, &str)]) -> Process {
        let database_url = rights::database_for(role, &self.database_url);
        Process::launch(role, &self.environment(&database_url, environment)).await
    }

    /// The same, by what somebody types.
    pub async fn typed(&self, command: &str, role: Role) -> Process {
        let database_url = rights::database_for(role, &self.database_url);
        Process::typed(command, role, &self.environment(&database_url, &[])).await
    }

    /// The same, without waiting for anything: it may end at once.
    pub fn launch_doomed(&self, role: Role, environment: &[(&str, &str)]) -> Process {
        let database_url = rights::database_for(role, &self.database_url);
        Process::launch_doomed(role, &self.environment(&database_url, environment))
    }

    fn environment<'a>(
        &'a self,
        database_url: &'a str,
        more: &[(&'a str, &'a str)],
    ) -> Vec<(&'a str, &'a str)> {
        let mut all = vec![
            ("DATABASE_URL", database_url),
            ("AMQP_URL", self.amqp_url.as_str()),
            ("RABBITMQ_MANAGEMENT_URL", self.broker.management_url.as_str()),
            ("REDEEMQ_SECRET", SECRET),
        ];
        all.extend_from_slice(more);
        all
    }

    /// A caller of this client, with the token that `/Auth` gave.
    pub async fn caller(&self, process: &Process, client: &str) -> Caller {
        let row = sqlx::query_scalar::<_, i32>(
            "select token_generation from client where client_id = $1",
        )
        .bind(client)
        .fetch_one(&self.store)
        .await
        .expect("the client");
        Caller::with_minted_token(process, client, row)
    }

    /// Does something to the database behind the service's back.
    pub async fn tamper(&self, sql: &str) {
        self.store.execute(AssertSqlSafe(sql.to_owned())).await.expect(sql);
    }

    /// The same from outside of this database, one statement after the other.
    pub async fn administer(&self, statements: &[String]) {
        let mut db = maintenance().await;
        for sql in statements {
            db.execute(AssertSqlSafe(sql.clone())).await.expect(sql);
        }
    }

    /// All that the books say, a row a line.
    pub async fn books(&self) -> Vec<String> {
        sqlx::query_scalar(
            "select 'ledger' || l::text from ledger l
             union all select 'goods' || g::text from goods g
             union all select 'balance' || b::text from balance b
             union all select 'coupon' || c::text from coupon c
             union all select 'player_usage' || u::text from player_usage u
             union all select 'client_usage' || u::text from client_usage u
             union all select 'pin_failure' || f::text from pin_failure f order by 1",
        )
        .fetch_all(&self.store)
        .await
        .expect("the books")
    }

    /// One number from the books.
    pub async fn number(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar::<_, Option<i64>>(sql)
            .fetch_one(&self.store)
            .await
            .expect("a number")
            .unwrap_or(0)
    }

    /// Waits until so many sessions wait for a lock: workers that stand still in a batch.
    pub async fn until_waiting(&self, sessions: i64) {
        eventually("sessions wait for a lock", async || {
            self.number(
                "select count(*) from pg_stat_activity
                 where datname = current_database() and wait_event_type = 'Lock'",
            )
            .await
                == sessions
        })
        .await;
    }

    /// Its queues, as the management API has them.
    pub async fn queues(&self) -> Vec<Value> {
        let path = format!("queues/{}", self.name);
        let answer = self.broker.manage(reqwest::Method::GET, &path, None).await;
        answer.expect("an answer").json().await.expect("queues")
    }

    /// Fails unless the books balance.
    pub fn audit(&self) {
        let output = self.run(&["audit"]);
        let (out, err) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "the audit failed:\n{out}{err}");
    }

    /// Whatever the books keep secret.
    pub async fn secrets(&self) -> Vec<String> {
        sqlx::query_scalar(
            "select api_secret_hash from client union select pin_hash from branch
             union select code from coupon",
        )
        .fetch_all(&self.store)
        .await
        .unwrap_or_default() // a test may leave the books in ruins
    }

    /// Gives database and vhost back. A test that failed leaves them for a look.
    pub async fn close(self) {
        self.secrets().await.iter().for_each(|secret| leaks::keep(&self.name, secret));
        leaks::search_all(&self.name);
        self.store.close().await;
        let mut db = maintenance().await;
        let drop = format!("drop database if exists {} with (force)", self.name);
        db.execute(AssertSqlSafe(drop)).await.expect("dropped");
        let path = format!("vhosts/{}", self.name);
        let _ = self.broker.manage(reqwest::Method::DELETE, &path, None).await;
        let _ = std::fs::remove_dir_all(&self.files);
    }
}

fn owner_of(owner: &str) -> [&str; 2] {
    match owner.strip_prefix('@') {
        Some(sponsor) => ["--sponsor", sponsor],
        None => ["--client", owner],
    }
}

/// A call to the management API of the shared broker.
pub async fn management(
    method: reqwest::Method,
    path: &str,
    body: Option<Value>,
) -> reqwest::Result<reqwest::Response> {
    Broker::shared().manage(method, path, body).await
}
