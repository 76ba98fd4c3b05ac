//! Users with no more rights than `deploy/` gives them. In the database every process and command
//! of every test has one; to the broker, a test goes with one where it is about that.

use super::places;
use super::process::Role;
use super::site::{Site, management};
use super::template::maintenance;
use reqwest::Method;
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _, PgConnection};
use std::process::{Command, Output};

/// Of every user that tests make, in the database and to the broker.
pub const PASSWORD: &str = "the-password-of-every-test-user";

/// The script under other names: the server may have the real users, with passwords of their own.
/// A process that serves as both is a member of both, as the script says.
pub fn script() -> String {
    include_str!("../../../deploy/roles.sql").replace("redeemq_", "redeemq_test_")
        + "do $$ begin
               if to_regrole('redeemq_test_serve') is null then
                   create role redeemq_test_serve login in role redeemq_test_ingress, redeemq_test_worker;
               end if;
           end $$;
           alter role redeemq_test_serve password '"
        + PASSWORD
        + "'"
}

/// Held while a test runs the script: users belong to the server.
const TURN_LOCK: i64 = 0x7269_6768_7473;

/// Runs the script in a database, when no other test does.
pub async fn give(database_url: &str) {
    let mut turn = maintenance().await;
    let take = sqlx::query("select pg_advisory_lock($1)").bind(TURN_LOCK);
    turn.execute(take).await.expect("a turn");
    let options: PgConnectOptions = database_url.parse().expect("a URL");
    let passwords = ["owner", "ingress", "worker", "operator"]
        .map(|user| (format!("redeemq.{user}_password"), PASSWORD));
    let mut db = options.options(passwords).connect().await.expect("the database");
    db.execute(AssertSqlSafe(script())).await.expect("the script runs");
}

/// Tests that tamper with the books make tables and sequences, which triggers use with the rights
/// of the process whose statement they meet.
pub async fn share_what_tests_make(database_url: &str) {
    let mut db = PgConnection::connect(database_url).await.expect("the database");
    for kind in ["tables", "sequences"] {
        let share =
            format!("alter default privileges in schema public grant all on {kind} to public");
        db.execute(AssertSqlSafe(share)).await.expect("shared");
    }
}

/// A URL for another user.
pub fn as_user(url: &str, user: &str, password: &str) -> String {
    let (scheme, rest) = url.split_once("://").expect("a URL");
    let server = rest.split_once('@').map_or(rest, |(_, server)| server);
    format!("{scheme}://{user}:{password}@{server}")
}

/// The database as its user for a process.
pub fn database_for(role: Role, url: &str) -> String {
    as_user(url, &format!("redeemq_test_{role:?}").to_lowercase(), PASSWORD)
}

/// The database as its user for a command. A migration goes as whoever owns the test's database.
pub fn database_for_command(arguments: &[&str], url: &str) -> String {
    match arguments.first() {
        Some(&"migrate") => url.to_owned(),
        _ => as_user(url, "redeemq_test_operator", PASSWORD),
    }
}

/// Runs `deploy/broker-users` for a site's vhost; the names of the users begin with the vhost's.
pub fn make_broker_users(site: &Site, arguments: &[&str]) {
    let output = run_broker_users(site, arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// The same, however it ends.
pub fn run_broker_users(site: &Site, arguments: &[&str]) -> Output {
    let mut command = Command::new(places::script("broker-users"));
    command.args(arguments).env("RABBITMQ_MANAGEMENT_URL", &site.broker.management_url);
    command.env("AMQP_VHOST", &site.name).env("BROKER_USER_PREFIX", format!("{}_", site.name));
    for user in ["INGRESS", "WORKER", "OPERATOR", "CLIENT"] {
        command.env(format!("{user}_PASSWORD"), PASSWORD);
    }
    command.output().expect("the script runs")
}

/// Removes one of them.
pub async fn remove_broker_user(vhost: &str, user: &str) {
    let _ = management(Method::DELETE, &format!("users/{vhost}_{user}"), None).await;
}
