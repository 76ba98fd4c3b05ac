//! The users of docs/users.md.

use crate::shell::{Shell, with_passwords};
use harness::Site;
use harness::blocks::block;
use harness::places::scratch;
use harness::rights::{PASSWORD, as_user, remove_broker_user, script};
use harness::site::server;

/// Under other names: the server may have the real users, with passwords of their own.
#[tokio::test]
async fn the_users_of_the_database_are_made_as_the_page_says() {
    let site = Site::open().await;
    let folder = scratch().join(&site.name);
    std::fs::create_dir_all(folder.join("deploy")).expect("a folder");
    std::fs::write(folder.join("deploy/roles.sql"), script()).expect("a script");
    let [command] = block("PGOPTIONS=").try_into().expect("one command");
    Shell::of(&site, &[]).run_in(&folder, &with_passwords(&command));
    let worker = as_user(&site.database_url, "redeemq_test_worker", PASSWORD);
    let as_worker = Shell::of(&site, &[("DATABASE_URL", &worker)]);
    let told = as_worker.run("redeemq doctor --for worker || true");
    assert!(told.contains("broker") && !told.contains("lacks"), "{told}");
    std::fs::remove_dir_all(folder).expect("removed");
    site.close().await;
}

#[tokio::test]
async fn the_users_of_the_broker_are_made_as_the_page_says() {
    let site = Site::open().await;
    let (url, prefix) = (server("RABBITMQ_MANAGEMENT_URL"), format!("{}_", site.name));
    let names = [("AMQP_VHOST", site.name.as_str()), ("BROKER_USER_PREFIX", prefix.as_str())];
    let shell = Shell::of(&site, &names);
    for begins in ["RABBITMQ_MANAGEMENT_URL=http", "RABBITMQ_MANAGEMENT_URL=… CLIENT"] {
        let [command] = block(begins).try_into().expect("one command");
        let (_, rest) = command.split_once(' ').expect("further words");
        shell.run(&with_passwords(&format!("RABBITMQ_MANAGEMENT_URL={url} {rest}")));
    }
    let worker = as_user(&site.amqp_url, &format!("{prefix}worker"), PASSWORD);
    let as_worker = Shell::of(&site, &[("AMQP_URL", &worker)]);
    let told = as_worker.run("redeemq doctor --for worker || true");
    assert!(told.contains("database") && !told.contains("may not"), "{told}");
    for user in ["ingress", "worker", "operator", "client_acme"] {
        remove_broker_user(&site.name, user).await;
    }
    site.close().await;
}
