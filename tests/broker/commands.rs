//! What README and docs tell to type at the broker, on a broker where that disturbs nobody.

use crate::node::shared;
use harness::blocks::block;
use harness::rights::{PASSWORD, make_broker_users};
use harness::{Bench, Role};
use serde_json::Value;

#[tokio::test]
async fn lanes_are_laid_out_as_the_page_says() {
    let (node, _turn) = shared().await;
    let site = node.site().await;
    let bench = Bench::open(&site.amqp_url).await;
    let [enable, worker] = block("rabbitmq-plugins enable").try_into().expect("two commands");
    node.tool(&enable, "");
    let (worker, _) = worker.split_once('#').expect("a comment");
    let (_, lanes) = worker.trim().rsplit_once(' ').expect("a number");
    let worker = site.typed(worker, Role::Worker).await;
    worker.logged("consuming").await;
    assert_eq!(bench.depth(&format!("redeem.requests.{lanes}")).await, 0);
    drop(worker);
    site.close().await;
}

#[tokio::test]
async fn a_client_gets_by_hand_what_the_script_gives() {
    let (node, _turn) = shared().await;
    let site = node.site().await;
    Bench::open(&site.amqp_url).await.declare().await;
    let on_vhost = format!(" -p {} redeemq_", site.name);
    for command in block("rabbitmqctl add_user") {
        let of_vhost = command.contains("permissions");
        let command = if of_vhost { command.replacen(" redeemq_", &on_vhost, 1) } else { command };
        node.tool(&command, PASSWORD);
    }
    make_broker_users(&site, &["client", "acme"]);
    let (by_hand, by_script) =
        ("redeemq_client_acme".to_owned(), format!("{}_client_acme", site.name));
    for kind in ["permissions", "topic_permissions"] {
        let rights = |user| {
            let list = format!("rabbitmqctl list_user_{kind} {user} --formatter json");
            let rights: Value = serde_json::from_str(&node.tool(&list, "")).expect("JSON");
            assert_eq!(rights.as_array().map(Vec::len), Some(1), "{rights}");
            rights
        };
        assert_eq!(rights(&by_hand), rights(&by_script));
    }
    for user in [by_hand, by_script] {
        node.tool(&format!("rabbitmqctl delete_user {user}"), "");
    }
    site.close().await;
}
