//! What the scaler asks RabbitMQ for, as the user that it has: all messages, those in hand among them.

use super::manifests::{list, one, text};
use harness::places::script;
use harness::rights::{PASSWORD, as_user, remove_broker_user};
use harness::{Bench, Request, Site, eventually};
use lapin::options::BasicGetOptions;
use lapin::{Connection, ConnectionProperties};
use serde_json::{Value, json};
use std::process::Command;

const USERS: [&str; 4] = ["ingress", "worker", "operator", "scaler"];

const READY: usize = 2;
const IN_HAND: usize = 3;

/// The request that KEDA makes, and the sum that it takes of its answer.
async fn messages(management: &str, vhost: &str) -> Option<u64> {
    let trigger = &list(&one("ScaledObject", "redeemq-worker")["spec"]["triggers"])[0]["metadata"];
    let mut url = url::Url::parse(management).expect("a URL");
    url.path_segments_mut().expect("a path").extend(["api", "queues", vhost]);
    url.query_pairs_mut().extend_pairs([
        ("page", "1"),
        ("use_regex", "true"),
        ("pagination", "false"),
        ("name", text(&trigger["queueName"])),
        ("page_size", "100"),
    ]);
    let answer: Value = reqwest::get(url).await.ok()?.error_for_status().ok()?.json().await.ok()?;
    let queues = answer["items"].as_array()?;
    assert!(
        queues.iter().all(|queue| text(&queue["name"]).starts_with("redeem.requests")),
        "{queues:?}"
    );
    (queues.len() == 2)
        .then(|| queues.iter().map(|queue| queue["messages"].as_u64().unwrap_or(0)).sum())
}

#[tokio::test]
async fn it_sees_messages_that_workers_hold_and_may_read_none() {
    let site = Site::open().await;
    let prefix = format!("{}_", site.name);
    let mut command = Command::new(script("broker-users"));
    command.env("RABBITMQ_MANAGEMENT_URL", &site.broker.management_url);
    command.env("AMQP_VHOST", &site.name).env("BROKER_USER_PREFIX", &prefix);
    command.envs(USERS.map(|user| (format!("{}_PASSWORD", user.to_uppercase()), PASSWORD)));
    assert!(command.status().is_ok_and(|status| status.success()));
    let management = as_user(&site.broker.management_url, &format!("{prefix}scaler"), PASSWORD);
    let bench = Bench::open(&site.amqp_url).await;
    bench.declare().await;
    let job =
        Request::new("acme", "goods", &json!({"goods_id": "mug", "player_id": "p", "amount": 1}));
    for _ in 0..READY + IN_HAND {
        bench.publish(&job).await;
    }
    let worker = Connection::connect(&site.amqp_url, ConnectionProperties::default()).await;
    let worker = worker.expect("the broker").create_channel().await.expect("a channel");
    for _ in 0..IN_HAND {
        let taken = worker.basic_get("redeem.requests".into(), BasicGetOptions::default()).await;
        assert!(taken.expect("the queue").is_some());
    }
    assert_eq!(bench.depth("redeem.requests").await as usize, READY);
    let all = Some((READY + IN_HAND) as u64);
    eventually("all are counted", async || messages(&management, &site.name).await == all).await;

    let taken = json!({"count": 1, "ackmode": "ack_requeue_true", "encoding": "auto"});
    let url = format!("{management}/api/queues/{}/redeem.requests/get", site.name);
    let answer = reqwest::Client::new().post(url).json(&taken).send().await.expect("an answer");
    assert!(!answer.status().is_success(), "it read a message: {}", answer.status());
    for user in USERS {
        remove_broker_user(&site.name, user).await;
    }
    site.close().await;
}
