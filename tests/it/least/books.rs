//! What each user of the database is refused.

use harness::Site;
use harness::rights::{self, PASSWORD, as_user};
use redeemq::domain::id::ClientId;
use redeemq::store::{Role, StatementLimit, clients, ledger, pool};
use sqlx::Executor as _;
use uuid::Uuid;

/// The server's word for it.
const INSUFFICIENT_PRIVILEGE: &str = "42501";

/// Has one user try each statement, of which none may work.
async fn refused(site: &Site, user: &str, statements: &[&'static str]) {
    let url = as_user(&site.database_url, &format!("redeemq_test_{user}"), PASSWORD);
    let db = pool(&url.into(), Role::Admin, 1).expect("a pool");
    for statement in statements {
        let tried = db.execute(*statement).await;
        let error = tried.expect_err(statement);
        let code = error.as_database_error().and_then(|error| error.code());
        assert_eq!(code.as_deref(), Some(INSUFFICIENT_PRIVILEGE), "{statement}: {error}");
    }
    db.close().await;
}

/// What nobody but the owner may do.
const OF_THE_OWNER: [&str; 12] = [
    "create table mine ()",
    "create function mine() returns int language sql as 'select 1'",
    "alter table ledger add column mine int",
    "alter table ledger disable trigger all",
    "drop trigger ledger_is_append_only on ledger",
    "drop table ledger",
    "truncate ledger",
    "update ledger set body = ''",
    "delete from ledger",
    "alter function standing_of rename to mine",
    "set session_replication_role = replica",
    "set role redeemq_test_owner",
];

#[tokio::test]
async fn the_ingress_sees_neither_codes_nor_hashes_nor_answers_but_one_by_its_key() {
    let site = Site::with_clients().await;
    // Rights on a database itself don't come with a copy of it.
    rights::give(&site.database_url).await;
    refused(&site, "ingress", &OF_THE_OWNER).await;
    refused(
        &site,
        "ingress",
        &[
            "create temporary table mine ()",
            "insert into ledger (client_id) values ('acme')",
            "select body from ledger",
            "select count(*) from ledger",
            "select code from coupon",
            "select pin_hash from branch",
            "select api_secret_hash from client",
            "select api_key from client",
            "select amount from balance",
            "select reason from dead_job",
            "select attempts from attempt",
            "update client set api_secret_hash = ''",
            "update client set disabled_at = null",
            "insert into client (client_id, name, api_key, api_secret_hash) values ('x', 'x', 'x', 'x')",
            "delete from client",
        ],
    )
    .await;

    let url = as_user(&site.database_url, "redeemq_test_ingress", PASSWORD);
    let db = pool(&url.into(), Role::Ingress(StatementLimit::default()), 1).expect("a pool");
    let key: String = sqlx::query_scalar("select api_key from client where client_id = 'acme'")
        .fetch_one(&site.store)
        .await
        .expect("a key");
    let acme = ClientId::parse("acme").expect("a client id");
    let known = clients::credentials(&db, &key).await.expect("an answer");
    assert_eq!(known.map(|known| known.client), Some(acme.clone()));
    assert!(clients::credentials(&db, "%").await.expect("an answer").is_none());
    let standing = ledger::find(&db, &acme, Uuid::now_v7()).await.expect("an answer");
    assert_eq!(standing, ledger::JobStatus::Unseen);
    db.close().await;
    site.close().await;
}

#[tokio::test]
async fn a_function_of_the_owner_reads_his_tables_and_none_that_its_caller_puts_before_them() {
    let site = Site::with_clients().await;
    let url = as_user(&site.database_url, "redeemq_test_operator", PASSWORD);
    let db = pool(&url.into(), Role::Admin, 1).expect("a pool");
    db.execute("create temporary table ledger (like public.ledger)").await.expect("a table");
    db.execute(
        "insert into pg_temp.ledger values ('acme', '00000000-0000-7000-8000-000000000000', '', '', now(), now(), '', 0, '', 0, '', 'forged')",
    )
    .await
    .expect("a row");
    let key = Uuid::parse_str("00000000-0000-7000-8000-000000000000").expect("a UUID");
    let acme = ClientId::parse("acme").expect("a client id");
    let standing = ledger::find(&db, &acme, key).await.expect("an answer");
    assert_eq!(standing, ledger::JobStatus::Unseen);
    db.close().await;
    site.close().await;
}

#[tokio::test]
async fn the_worker_adds_to_the_books_and_rewrites_nothing() {
    let site = Site::with_clients().await;
    refused(&site, "worker", &OF_THE_OWNER).await;
    refused(
        &site,
        "worker",
        &[
            "select api_key from client",
            "select api_secret_hash from client",
            "select * from credentials_of('')",
            "update client set disabled_at = null",
            "insert into goods (scope, goods_id, name) values ('acme', 'x', 'x')",
            "update goods set quantity = 1",
            "update goods set price = ''",
            "delete from goods",
            "insert into coupon (goods, code) values (1, 'x')",
            "update coupon set code = 'x'",
            "update coupon set shown = 'x'",
            "update goods set fold_case = true",
            "update coupon set expires_at = 'infinity'",
            "delete from coupon",
            "insert into balance values ('acme', 'p1', 'point', 1)",
            "update balance set client_id = 'zeta'",
            "delete from balance",
            "insert into player_import values ('acme', 'x', 'p1', 'point', 1)",
            "update branch set enabled = true",
            "update branch set pin_hash = ''",
            "delete from player_usage",
            "delete from dead_job",
        ],
    )
    .await;
    site.close().await;
}

#[tokio::test]
async fn the_operator_makes_clients_and_goods_but_no_decisions() {
    let site = Site::with_clients().await;
    refused(&site, "operator", &OF_THE_OWNER).await;
    refused(
        &site,
        "operator",
        &[
            "select api_key from client",
            "select api_secret_hash from client",
            "update client set api_secret_hash = ''",
            "delete from client",
            "select pin_hash from branch",
            "insert into ledger (client_id) values ('acme')",
            "update goods set granted = 0",
            "update coupon set job_key = null",
            "update coupon set shown = null",
            "delete from coupon",
            "delete from balance",
            "delete from player_import",
            "update player_import set amount = 0",
            "insert into dead_job (client_id) values ('acme')",
            "delete from attempt",
        ],
    )
    .await;
    site.close().await;
}
