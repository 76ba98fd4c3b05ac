//! The database, and the rights of users on either server.

use super::{ask, assert_refused, doctor};
use harness::rights::as_user;
use harness::{Bench, Proxy, Request, Site};
use redeemq::store::MIGRATIONS;

async fn run(site: &Site, sql: &str) {
    site.tamper(&sql.replace("DB", &site.name)).await;
}

/// A site with one job, which nobody may touch.
async fn with_a_job() -> (Site, Bench) {
    let site = Site::open().await;
    let bench = Bench::open(&site.amqp_url).await;
    bench.declare().await;
    bench.publish(&Request::raw(b"a job")).await;
    (site, bench)
}

#[tokio::test]
async fn settings_that_break_a_promise_are_found_where_they_were_made_and_refused() {
    let (site, bench) = with_a_job().await;
    for (setting, value, risk) in [
        ("synchronous_commit", "off", "forgets decisions"),
        ("default_transaction_isolation", "'repeatable read'", "waited for its locks"),
        ("default_transaction_read_only", "on", "nothing can be decided"),
        ("session_replication_role", "replica", "append-only"),
    ] {
        run(&site, &format!("alter database DB set {setting} = {value}")).await;
        let remedy = format!("`alter database \"{}\" reset {setting}`", site.name);
        let said = doctor(&site);
        said.assert("fatal", &[setting, value.trim_matches('\''), risk, &remedy]);
        assert_eq!((said.status, said.of("fatal").len()), (Some(1), 1), "{}", said.report);
        assert_refused(&site, &[], &[setting, risk, "reset"]).await;
        run(&site, &format!("alter database DB reset {setting}")).await;
    }
    assert_eq!(bench.depth("redeem.requests").await, 1);
    assert!(doctor(&site).of("fatal").is_empty());
    site.close().await;
}

#[tokio::test]
async fn a_setting_of_the_user_is_found_as_such() {
    let site = Site::open().await;
    run(&site, "create role DB login superuser password 'p'").await;
    run(&site, "alter role DB set synchronous_commit = off").await;
    let url = as_user(&site.database_url, &site.name, "p");
    let said = ask(&site, &[("DATABASE_URL", &url)], &[]);
    let remedy = format!("`alter role \"{}\" reset synchronous_commit`", site.name);
    said.assert("fatal", &["synchronous_commit is off", &remedy]);
    assert_refused(&site, &[("DATABASE_URL", &url)], &["synchronous_commit is off"]).await;
    run(&site, "drop role DB").await;
    site.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pooler_that_forgets_what_sessions_asked_for_is_found_and_refused() {
    let (site, bench) = with_a_job().await;
    let line = Proxy::translating(&site.database_url, "lock_timeout=2s", "lock_timeout=0 ").await;
    let environment = [("DATABASE_URL", line.url.as_str())];
    let said = ask(&site, &environment, &[]);
    said.assert("fatal", &["lock_timeout", "pgbouncer", "name the database itself"]);
    assert_refused(&site, &environment, &["lock_timeout", "pgbouncer"]).await;
    assert_eq!(bench.depth("redeem.requests").await, 1);
    site.close().await;
}

#[tokio::test]
async fn a_database_that_cannot_store_every_name_is_fatal() {
    let site = Site::open().await;
    let name = format!("{}_latin", site.name);
    let make = format!("create database {name} encoding 'LATIN1' locale 'C' template template0");
    run(&site, &make).await;
    let url = site.database_url.replace(&site.name, &name);
    let said = ask(&site, &[("DATABASE_URL", &url)], &[]);
    said.assert("fatal", &["server_encoding is LATIN1", "poison", "encoding 'UTF8'"]);
    assert_refused(&site, &[("DATABASE_URL", &url)], &["server_encoding is LATIN1"]).await;
    run(&site, &format!("drop database {name} with (force)")).await;
    site.close().await;
}

#[tokio::test]
async fn newer_migrations_are_told_and_altered_ones_refused() {
    let (site, bench) = with_a_job().await;
    run(
        &site,
        "insert into _sqlx_migrations (version, description, success, checksum, execution_time)
         values (9999, 'of the future', true, '', 0)",
    )
    .await;
    let said = doctor(&site);
    said.assert("warning", &["migrations 9999 are newer", "Replace this redeemq"]);
    assert!(said.of("fatal").is_empty(), "an update goes process by process: {}", said.report);
    run(&site, "delete from _sqlx_migrations where version = 9999").await;

    run(&site, "update _sqlx_migrations set checksum = 'x' where version = 1").await;
    doctor(&site).assert("fatal", &["migrations 1 differ from those of this redeemq", "released"]);
    assert_refused(&site, &[], &["migrations 1", "differ from"]).await;
    let first = MIGRATIONS.iter().next().expect("a migration");
    sqlx::query("update _sqlx_migrations set checksum = $1, success = false where version = 1")
        .bind(first.checksum.as_ref())
        .execute(&site.store)
        .await
        .expect("half done");
    doctor(&site).assert("fatal", &["migration 1 was started and not finished", "Restore"]);
    assert_refused(&site, &[], &["migration 1", "not finished"]).await;
    assert_eq!(bench.depth("redeem.requests").await, 1);
    site.close().await;
}

#[tokio::test]
async fn tables_out_of_sight_are_found_and_refused() {
    let site = Site::open().await;
    run(&site, "create schema notes; grant usage on schema notes to public; alter table _sqlx_migrations set schema notes").await;
    run(&site, "create schema away; alter table ledger set schema away").await;
    run(&site, "alter database DB set search_path = public, notes").await;
    doctor(&site).assert("fatal", &["ledger cannot be seen", "search_path"]);
    assert_refused(&site, &[], &["ledger cannot be seen", "search_path"]).await;
    site.close().await;
}

#[tokio::test]
async fn too_few_connections_are_told() {
    let site = Site::open().await;
    run(&site, "alter database DB connection limit 6").await;
    let said = doctor(&site);
    said.assert("warning", &["only 6 connections to this database", "may open 13", "Raise"]);
    run(&site, "alter database DB connection limit -1").await;
    run(
        &site,
        "create role DB login connection limit 3 password 'p'; grant connect on database DB to DB",
    )
    .await;
    let url = as_user(&site.database_url, &site.name, "p");
    let said = ask(&site, &[("DATABASE_URL", &url)], &["--for", "worker"]);
    said.assert("warning", &["only 3 connections of user", "may open 5", "Raise"]);
    run(&site, "drop owned by DB; drop role DB").await;
    site.close().await;
}

#[tokio::test]
async fn the_skew_of_the_clocks_is_shown() {
    let site = Site::open().await;
    doctor(&site).assert("ok", &["the database's clock is 0.", "up to 60 s are tolerated"]);
    site.close().await;
}

#[tokio::test]
async fn the_size_of_the_books_is_told_and_a_log_that_is_too_small_for_them() {
    let (site, _) = with_a_job().await;
    let said = doctor(&site);
    said.assert("ok", &["about 0 decisions", "a million more take 800 MB", "for ever"]);
    // As after an `analyze` of so many.
    run(&site, "update pg_class set reltuples = 2000000 where oid = 'ledger'::regclass").await;
    let said = doctor(&site);
    said.assert("ok", &["about 2000000 decisions", "a million more take 0 MB"]);
    said.assert("warning", &["max_wal_size is 1024 MB", "Set max_wal_size to 4GB"]);
    site.close().await;
}
