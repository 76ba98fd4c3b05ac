//! P7: degrades honestly. A fault of the database itself, whatever it is, pauses the worker and says
//! so; no job is charged, split off or put aside for it, and all are decided soon after it is mended.

use harness::{Bench, MUG, Request, Role, Site, Tally, eventually, instant};
use serde_json::json;
use std::time::Duration;
use time::OffsetDateTime;

/// From the end of a fault to the first decision.
const SOON: Duration = Duration::from_secs(2);

const REFUSED: &str = "the database refuses every batch; fix it: jobs wait and nothing is lost";
const AWAY: &str = "database unavailable; retrying the batch";

/// What operators do, in the order in which they do it.
struct Fault {
    /// `DB` and `WORKER` stand for the names of the database and of the worker's role.
    begins: &'static [&'static str],
    ends: &'static [&'static str],
    /// What the alarm says, and names as the cause.
    alarm: (&'static str, &'static str),
}

const ALL_SESSIONS_END: &str =
    "select pg_terminate_backend(pid) from pg_stat_activity where datname = 'DB'";

fn mug(player: usize) -> Request {
    let player = format!("p{}", player % 9 + 1);
    Request::new("acme", "goods", &json!({"goods_id": "mug", "player_id": player, "amount": 1}))
}

/// A role without special rights, as a worker should have: superusers are spared by limits.
async fn with_role(site: &Site) -> (String, String) {
    let role = format!("{}_worker", site.name);
    site.administer(&[
        format!("create role {role} login password 'old'"),
        format!("grant connect on database {} to {role}", site.name),
    ])
    .await;
    site.tamper(&format!(
        "grant select, insert, update, delete on all tables in schema public to {role};
         grant usage on schema public to {role};
         grant execute on function standing_of to {role};
         grant usage on all sequences in schema public to {role}"
    ))
    .await;
    let (_, server) = site.database_url.split_once('@').expect("a URL with a user");
    let url = format!("postgres://{role}:old@{server}");
    (role, url)
}

/// What concerns the database as a whole is done from outside, for it may let nobody in.
async fn does(site: &Site, sql: &str) {
    if ["alter database", "alter role", "select pg_"].iter().any(|what| sql.starts_with(what)) {
        site.administer(&[sql.to_owned()]).await;
    } else {
        site.tamper(sql).await;
    }
}

async fn is_survived(fault: Fault) {
    let site = Site::with_clients().await;
    site.goods("acme", MUG);
    let (role, url) = with_role(&site).await;
    let of_site = |statements: &[&str]| -> Vec<String> {
        let named = |sql: &&str| sql.replace("DB", &site.name).replace("WORKER", &role);
        statements.iter().map(named).collect()
    };
    let bench = Bench::open(&site.amqp_url).await;
    bench.declare().await;
    let mut results = bench.results("#").await;
    let worker = site.start(Role::Worker, &[("DATABASE_URL", &url)]).await;
    bench.publish(&mug(0)).await;
    results.next().await;

    for sql in of_site(fault.begins) {
        does(&site, &sql).await;
    }
    let jobs: Vec<Request> = (0..20).map(mug).collect();
    bench.publish_all(&jobs).await;
    let (alarm, cause) = fault.alarm;
    worker.logged_because(alarm, cause).await;
    let paused = async || worker.metric("redeemq_lane_paused", "").await == 1.0;
    eventually("the lane is paused", paused).await;
    let failures = async || worker.metric("redeemq_batch_errors_total", "").await;
    eventually("it is tried on", async || failures().await >= 3.0).await;
    assert_eq!(worker.metric("redeemq_batch_errors_total", "kind=\"job\"").await, 0.0);

    for sql in of_site(fault.ends) {
        does(&site, &sql).await;
    }
    let mended = OffsetDateTime::now_utc();
    let mut tally = Tally::of(&jobs);
    tally.read_all(&bench, &mut results).await;
    let first = tally.answers().iter().map(|answer| instant(&answer["decided_at"])).min();
    let took = first.expect("a decision") - mended;
    assert!(took < SOON, "the first decision took {took}: {cause}");
    assert!(!paused().await);
    assert_eq!((tally.count(), tally.replayed()), (20, 0));
    assert_eq!(worker.metric("redeemq_batches_split_total", "").await, 0.0);
    assert_eq!(worker.metric("redeemq_sessions_lost_total", "").await, 0.0);
    assert_eq!(bench.depth("redeem.dead").await, 0);
    assert_eq!(site.number("select granted from goods").await, 21);
    drop(worker);
    site.tamper(&format!("drop owned by {role}")).await;
    site.audit();
    site.administer(&[format!("drop role {role}")]).await;
    site.close().await;
}

/// Raises what the server itself would, for there is no filling its disk from a test.
const RAISE: &str = "create or replace function raise() returns trigger language plpgsql as
    $$ begin raise exception '%', tg_argv[1] using errcode = tg_argv[0]; end $$";
const NO_TRIGGER: &[&str] = &["drop trigger fault on ledger"];

#[tokio::test]
async fn a_full_disk_is_survived() {
    is_survived(Fault {
        begins: &[
            RAISE,
            "create trigger fault before insert on ledger
             for each statement execute function raise('53100', 'could not extend file')",
        ],
        ends: NO_TRIGGER,
        alarm: (REFUSED, "could not extend file"),
    })
    .await;
}

#[tokio::test]
async fn a_lack_of_memory_is_survived() {
    is_survived(Fault {
        begins: &[
            RAISE,
            "create trigger fault before insert on ledger
             for each statement execute function raise('53200', 'out of memory')",
        ],
        ends: NO_TRIGGER,
        alarm: (REFUSED, "out of memory"),
    })
    .await;
}

#[tokio::test]
async fn a_read_only_database_is_survived() {
    // Sessions that began read-only stay so: nobody ends them when the default is mended.
    is_survived(Fault {
        begins: &["alter database DB set default_transaction_read_only = on", ALL_SESSIONS_END],
        ends: &["alter database DB set default_transaction_read_only = off"],
        alarm: (REFUSED, "read-only transaction"),
    })
    .await;
}

#[tokio::test]
async fn a_change_of_the_schema_under_a_running_worker_costs_one_try() {
    let site = Site::with_clients().await;
    site.goods("acme", MUG);
    let bench = Bench::open(&site.amqp_url).await;
    let worker = site.start(Role::Worker, &[]).await;
    let mut results = bench.results("#").await;
    bench.publish(&mug(0)).await;
    results.next().await;

    // Its session has prepared statements that can't be run any more.
    site.tamper("alter table goods alter column name type varchar(64)").await;
    let request = mug(0);
    bench.publish(&request).await;
    let result = results.next().await;
    assert_eq!((result.message_id.clone(), result.code()), (request.job_id(), "0000"));
    let error = worker.logged(REFUSED).await["fields"]["error"].to_string();
    assert!(error.contains("cached plan must not change result type"), "{error}");
    assert_eq!(worker.metric("redeemq_batch_errors_total", "").await, 1.0);
    site.close().await;
}

#[tokio::test]
async fn a_newer_schema_stops_no_worker_but_is_not_migrated_by_an_older_binary() {
    let site = Site::with_clients().await;
    site.goods("acme", MUG);
    site.tamper(
        "insert into _sqlx_migrations (version, description, success, checksum, execution_time)
         values (9999, 'of the future', true, '', 0)",
    )
    .await;
    let bench = Bench::open(&site.amqp_url).await;
    let _worker = site.start(Role::Worker, &[]).await;
    let mut results = bench.results("#").await;
    bench.publish(&mug(0)).await;
    assert_eq!(results.next().await.code(), "0000");
    let output = site.run(&["migrate"]);
    assert_eq!(output.status.code(), Some(2));
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(complaint.contains("9999"), "{complaint}");
    site.close().await;
}

#[tokio::test]
async fn missing_tables_are_survived() {
    is_survived(Fault {
        begins: &["alter table ledger rename to elsewhere"],
        ends: &["alter table elsewhere rename to ledger"],
        alarm: (REFUSED, "relation \\\"ledger\\\" does not exist"),
    })
    .await;
}

#[tokio::test]
async fn a_revoked_right_is_survived() {
    is_survived(Fault {
        begins: &["revoke insert on ledger from WORKER"],
        ends: &["grant insert on ledger to WORKER"],
        alarm: (REFUSED, "permission denied for table ledger"),
    })
    .await;
}

#[tokio::test]
async fn a_password_that_was_changed_is_survived() {
    is_survived(Fault {
        begins: &["alter role WORKER password 'new'", ALL_SESSIONS_END],
        ends: &["alter role WORKER password 'old'"],
        alarm: (REFUSED, "password authentication failed"),
    })
    .await;
}

#[tokio::test]
async fn a_database_that_has_no_session_left_is_survived() {
    is_survived(Fault {
        begins: &["alter role WORKER connection limit 0", ALL_SESSIONS_END],
        ends: &["alter role WORKER connection limit -1"],
        alarm: (AWAY, "out of connections"),
    })
    .await;
}

#[tokio::test]
async fn a_database_that_was_renamed_is_survived() {
    is_survived(Fault {
        begins: &[
            "alter database DB allow_connections false",
            ALL_SESSIONS_END,
            "alter database DB rename to DB_elsewhere",
        ],
        ends: &[
            "alter database DB_elsewhere rename to DB",
            "alter database DB allow_connections true",
        ],
        alarm: (REFUSED, "does not exist"),
    })
    .await;
}
