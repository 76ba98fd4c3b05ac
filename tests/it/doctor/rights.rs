//! Users: what they may do is what their process needs, and little more.

use super::{ask, assert_refused, doctor};
use harness::rights::{self, PASSWORD, as_user};
use harness::{Bench, Request, Role, Site, eventually, site::management};
use reqwest::Method;
use serde_json::json;

/// A user of the broker with these rights (configure, write, read) in the site's vhost; his URL.
async fn broker_user(site: &Site, rights: [&str; 3]) -> String {
    let user = json!({"password": PASSWORD, "tags": ""});
    let path = format!("users/{}_{USER}", site.name);
    management(Method::PUT, &path, Some(user)).await.expect("a user");
    let [configure, write, read] = rights;
    let rights = json!({"configure": configure, "write": write, "read": read});
    let path = format!("permissions/{0}/{0}_{USER}", site.name);
    management(Method::PUT, &path, Some(rights)).await.expect("rights");
    as_user(&site.amqp_url, &format!("{}_{USER}", site.name), PASSWORD)
}

const USER: &str = "somebody";
const WORKER_IN_DATABASE: &str = "redeemq_test_worker";
const CONFIGURE: &str = "^redeem\\.";
const WRITE: &str = "^(redeem\\..*|amq\\.default)$";
const READ: &str = "^redeem\\.";

async fn with_a_job() -> (Site, Bench) {
    let site = Site::open().await;
    let bench = Bench::open(&site.amqp_url).await;
    bench.declare().await;
    bench.publish(&Request::raw(b"a job")).await;
    (site, bench)
}

#[tokio::test]
async fn a_healthy_site_with_the_users_of_the_scripts_has_no_findings() {
    let site = Site::open().await;
    rights::make_broker_users(&site, &[]);
    let at_broker =
        |user: &str| as_user(&site.amqp_url, &format!("{}_{user}", site.name), PASSWORD);
    let (worker, ingress) = (at_broker("worker"), at_broker("ingress"));
    let process = site.start(Role::Worker, &[("AMQP_URL", &worker)]).await;
    for (role, name, url) in
        [(Role::Worker, "worker", &worker), (Role::Ingress, "ingress", &ingress)]
    {
        let database = rights::database_for(role, &site.database_url);
        let environment = [("AMQP_URL", url.as_str()), ("DATABASE_URL", database.as_str())];
        let ask = || ask(&site, &environment, &["--for", name]);
        eventually("the broker tells of its queues", async || {
            !ask().left_out("policies over queue")
        })
        .await;
        let said = ask();
        assert_eq!(said.status, Some(0), "{}", said.report);
        assert_eq!(said.report["ok"], true);
        assert_eq!((&said.report["fatal"], &said.report["warnings"]), (&json!(0), &json!(0)));
        assert!(said.of("ok").len() >= 12, "{}", said.report);
    }
    assert!(!process.text().contains("ERROR"), "{}", process.text());
    drop(process);
    for user in ["ingress", "worker", "operator"] {
        rights::remove_broker_user(&site.name, user).await;
    }
    site.close().await;
}

#[tokio::test]
async fn each_right_that_a_process_needs_at_the_broker_is_asked_for() {
    let (site, bench) = with_a_job().await;
    for (rights, words) in [
        (["^redeem\\.(requests|dead)", WRITE, READ], "configure redeem.results"),
        ([CONFIGURE, "^redeem\\.", READ], "write to amq.default"),
        (
            [CONFIGURE, "^(redeem\\.(requests|dead).*|amq\\.default)$", READ],
            "write to redeem.results",
        ),
        ([CONFIGURE, WRITE, "^redeem\\.(dead|requests$)"], "read redeem.requests.spare"),
    ] {
        let url = broker_user(&site, rights).await;
        let environment = [("AMQP_URL", url.as_str())];
        let said = ask(&site, &environment, &["--for", "worker"]);
        let words = format!("user {}_{USER} may not {words},", site.name);
        said.assert("fatal", &[&words, "deploy/broker-users"]);
        assert_refused(&site, &environment, &[&words, "deploy/broker-users"]).await;
    }
    let reply = "^redeem\\.reply\\.";
    for (rights, words) in [
        ([reply, "^redeem\\.dead$", reply], "may not write to redeem.requests, which"),
        (["^$", "^redeem\\.requests$", reply], "may not configure redeem.reply."),
        ([reply, "^redeem\\.requests$", "^$"], "may not read redeem.reply."),
    ] {
        let url = broker_user(&site, rights).await;
        let said = ask(&site, &[("AMQP_URL", &url)], &["--for", "ingress"]);
        said.assert("fatal", &[words, "`redeemq ingress` needs"]);
    }
    assert_eq!(bench.depth("redeem.requests").await, 1);
    rights::remove_broker_user(&site.name, USER).await;
    site.close().await;
}

#[tokio::test]
async fn each_right_that_a_process_needs_in_the_database_is_asked_for() {
    let (site, bench) = with_a_job().await;
    let revoke = async |what: &str, role: Role| {
        let user = format!("redeemq_test_{role:?}").to_lowercase();
        site.tamper(&format!("revoke {what} from {user}")).await;
    };
    for what in [
        "insert on ledger",
        "update (granted) on goods",
        "delete on pin_failure",
        "select on branch",
        "execute on function standing_of",
    ] {
        revoke(what, Role::Worker).await;
    }
    revoke("execute on function credentials_of", Role::Ingress).await;
    let url = rights::database_for(Role::Worker, &site.database_url);
    let environment = [("DATABASE_URL", url.as_str())];
    let said = ask(&site, &environment, &["--for", "worker"]);
    let lacks = "select on branch; update on goods; insert on ledger; delete on pin_failure; \
                 execute on standing_of";
    said.assert("fatal", &[WORKER_IN_DATABASE, lacks, "Run deploy/roles.sql"]);
    assert_refused(&site, &[], &[lacks, "Run deploy/roles.sql"]).await;
    assert_eq!(bench.depth("redeem.requests").await, 1);
    let ingress = rights::database_for(Role::Ingress, &site.database_url);
    let said = ask(&site, &[("DATABASE_URL", &ingress)], &["--for", "ingress"]);
    said.assert("fatal", &["`redeemq ingress` needs: execute on credentials_of"]);

    revoke("select on _sqlx_migrations", Role::Worker).await;
    let said = ask(&site, &environment, &["--for", "worker"]);
    said.assert("warning", &["may not read the table of migrations", "deploy/roles.sql"]);
    site.close().await;
}

#[tokio::test]
async fn users_that_can_do_much_more_than_they_need_are_told() {
    let site = Site::open().await;
    Bench::open(&site.amqp_url).await.declare().await;
    let said = doctor(&site);
    let configure = "configure what is not redeemq's";
    said.assert("warning", &["is administrator", configure, "other vhosts", "broker-users"]);
    said.assert("warning", &["it is a superuser", "deploy/roles.sql"]);

    let amqp = broker_user(&site, [CONFIGURE, ".*", ".*"]).await;
    let database = rights::database_for(Role::Worker, &site.database_url);
    site.tamper(&format!("alter table ledger owner to {WORKER_IN_DATABASE}")).await;
    let environment = [("AMQP_URL", amqp.as_str()), ("DATABASE_URL", database.as_str())];
    let said = ask(&site, &environment, &["--for", "worker"]);
    said.assert("warning", &["write to what is not redeemq's", "read what is not redeemq's"]);
    assert!(!said.text.contains(configure), "{}", said.report);
    said.assert("warning", &["it owns the ledger", "only `redeemq migrate` go as the owner"]);
    assert!(said.of("fatal").is_empty(), "{}", said.report);
    rights::remove_broker_user(&site.name, USER).await;
    site.close().await;
}
