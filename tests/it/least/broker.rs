//! What each user of the broker is refused, tried for real.

use super::{broker_of, remove, site_with_users};
use harness::rights::{self, PASSWORD, as_user};
use harness::{Bench, mug, site::management};
use lapin::options::{
    BasicConsumeOptions, BasicGetOptions, BasicPublishOptions, ConfirmSelectOptions,
    ExchangeDeclareOptions, ExchangeDeleteOptions, QueueBindOptions, QueueDeclareOptions,
    QueueDeleteOptions, QueuePurgeOptions,
};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties, ErrorKind, ExchangeKind};
use reqwest::Method;
use serde_json::json;

/// Something that a user tries.
#[derive(Debug, Clone, Copy)]
enum Try {
    Get(&'static str),
    Consume(&'static str),
    /// A queue, an exchange, a key.
    Bind(&'static str, &'static str, &'static str),
    /// An exchange and a key.
    Publish(&'static str, &'static str),
    Declare(&'static str),
    DeclareExclusive(&'static str),
    DeclareExchange(&'static str),
    Purge(&'static str),
    Delete(&'static str),
    DeleteExchange(&'static str),
}
use Try::{
    Bind, Consume, Declare, DeclareExchange, DeclareExclusive, Delete, DeleteExchange, Get,
    Publish, Purge,
};

async fn connect(url: &str) -> Connection {
    Connection::connect(url, ConnectionProperties::default()).await.expect("the broker")
}

async fn tried(channel: &Channel, what: Try) -> lapin::Result<()> {
    let none = FieldTable::default();
    match what {
        Get(queue) => {
            channel.basic_get(queue.into(), BasicGetOptions::default()).await?;
        }
        Consume(queue) => {
            let options = BasicConsumeOptions::default();
            channel.basic_consume(queue.into(), "".into(), options, none).await?;
        }
        Bind(queue, exchange, key) => {
            let options = QueueBindOptions::default();
            channel.queue_bind(queue.into(), exchange.into(), key.into(), options, none).await?;
        }
        Publish(exchange, key) => {
            channel.confirm_select(ConfirmSelectOptions::default()).await?;
            let (options, properties) =
                (BasicPublishOptions::default(), BasicProperties::default());
            channel
                .basic_publish(exchange.into(), key.into(), options, b"", properties)
                .await?
                .await?;
        }
        Declare(queue) => {
            let options = QueueDeclareOptions { durable: true, ..Default::default() };
            channel.queue_declare(queue.into(), options, none).await?;
        }
        DeclareExclusive(queue) => {
            let options = QueueDeclareOptions { exclusive: true, ..Default::default() };
            channel.queue_declare(queue.into(), options, none).await?;
        }
        DeclareExchange(exchange) => {
            let options = ExchangeDeclareOptions::default();
            channel.exchange_declare(exchange.into(), ExchangeKind::Topic, options, none).await?;
        }
        Purge(queue) => {
            channel.queue_purge(queue.into(), QueuePurgeOptions::default()).await?;
        }
        Delete(queue) => {
            channel.queue_delete(queue.into(), QueueDeleteOptions::default()).await?;
        }
        DeleteExchange(exchange) => {
            channel.exchange_delete(exchange.into(), ExchangeDeleteOptions::default()).await?;
        }
    }
    Ok(())
}

/// What the broker says to it: none for yes. Each has a channel of its own, which a no closes.
async fn said(connection: &Connection, what: Try) -> Option<u16> {
    let channel = connection.create_channel().await.expect("a channel");
    let error = tried(&channel, what).await.err()?;
    match error.kind() {
        ErrorKind::ProtocolError(error) => Some(error.get_id()),
        other => panic!("{what:?}: {other:?}"),
    }
}

const ACCESS_REFUSED: Option<u16> = Some(403);
const RESOURCE_LOCKED: Option<u16> = Some(405);

#[tokio::test]
async fn the_ingress_can_publish_requests_and_read_its_own_replies_and_nothing_else() {
    let (site, bench) = site_with_users().await;
    bench.declare().await;
    bench.queue("client.acme.results", Some("acme.#"), &[]).await;
    bench.publish(&mug("acme")).await;
    bench.put("redeem.dead", &mug("acme")).await;
    let other = connect(&broker_of(&site, "ingress")).await;
    assert_eq!(said(&other, DeclareExclusive("redeem.reply.other")).await, None);

    let ingress = connect(&broker_of(&site, "ingress")).await;
    for what in [
        Publish("redeem.requests", "goods"),
        DeclareExclusive("redeem.reply.mine"),
        Consume("redeem.reply.mine"),
    ] {
        assert_eq!(said(&ingress, what).await, None, "{what:?}");
    }
    for what in
        [Get("redeem.reply.other"), Consume("redeem.reply.other"), Purge("redeem.reply.other")]
    {
        assert_eq!(said(&ingress, what).await, RESOURCE_LOCKED, "{what:?}");
    }
    for queue in [
        "redeem.requests",
        "redeem.requests.1",
        "redeem.requests.spare",
        "redeem.dead",
        "client.acme.results",
    ] {
        for what in [Get(queue), Consume(queue), Purge(queue), Delete(queue), Declare(queue)] {
            assert_eq!(said(&ingress, what).await, ACCESS_REFUSED, "{what:?}");
        }
    }
    for exchange in ["redeem.results", "redeem.requests", "redeem.requests.spare", "redeem.dead"] {
        for what in [
            Bind("redeem.reply.mine", exchange, "#"),
            Bind("redeem.requests", exchange, "#"),
            Bind("redeem.requests.1", exchange, "1"),
            DeclareExchange(exchange),
            DeleteExchange(exchange),
        ] {
            assert_eq!(said(&ingress, what).await, ACCESS_REFUSED, "{what:?}");
        }
    }
    for what in [
        Publish("redeem.results", "acme.goods"),
        Publish("redeem.dead", ""),
        Publish("redeem.requests.spare", ""),
        Publish("redeem.requests.lanes", "goods"),
        Publish("", "client.acme.results"),
        Publish("", "redeem.requests"),
        Declare("mine"),
        DeclareExchange("mine"),
    ] {
        assert_eq!(said(&ingress, what).await, ACCESS_REFUSED, "{what:?}");
    }
    remove(site).await;
}

#[tokio::test]
async fn the_workers_and_the_operators_users_reach_no_reader_of_results() {
    let (site, bench) = site_with_users().await;
    bench.declare().await;
    bench.queue("client.acme.results", Some("acme.#"), &[]).await;
    for user in ["worker", "operator"] {
        let connection = connect(&broker_of(&site, user)).await;
        for what in [
            Get("client.acme.results"),
            Purge("client.acme.results"),
            Delete("client.acme.results"),
            Bind("redeem.dead", "redeem.results", "#"),
            Declare("mine"),
            DeclareExchange("mine"),
        ] {
            assert_eq!(said(&connection, what).await, ACCESS_REFUSED, "{user}: {what:?}");
        }
    }
    let operator = connect(&broker_of(&site, "operator")).await;
    for what in [Get("redeem.requests"), Purge("redeem.requests"), Delete("redeem.dead")] {
        assert_eq!(said(&operator, what).await, ACCESS_REFUSED, "{what:?}");
    }
    remove(site).await;
}

#[tokio::test]
async fn a_client_sites_user_reads_its_own_results_and_nobody_elses() {
    let (site, bench) = site_with_users().await;
    bench.declare().await;
    bench.queue("client.zeta.results", Some("zeta.#"), &[]).await;
    for client in ["acme", "redeem"] {
        rights::make_broker_users(&site, &["client", client]);
    }
    let url = as_user(&site.amqp_url, &format!("{}_client_acme", site.name), PASSWORD);
    let acme = connect(&url).await;

    for what in [
        Declare("client.acme.results"),
        Bind("client.acme.results", "redeem.results", "acme.goods"),
        Bind("client.acme.results", "redeem.results", "acme.#"),
    ] {
        assert_eq!(said(&acme, what).await, None, "{what:?}");
    }
    for key in
        ["zeta.#", "zeta.goods", "#", "*.goods", "*.*", "#.acme.goods", "acme", "acme-2.#", ""]
    {
        let bind = Bind("client.acme.results", "redeem.results", key);
        assert_eq!(said(&acme, bind).await, ACCESS_REFUSED, "{key}");
    }
    for what in [
        Bind("client.acme.results", "redeem.requests", "acme.#"),
        Bind("client.acme.results", "redeem.dead", "acme.#"),
        Bind("client.zeta.results", "redeem.results", "acme.#"),
        Get("client.zeta.results"),
        Get("redeem.requests"),
        Get("redeem.dead"),
        Publish("redeem.results", "acme.goods"),
        Publish("redeem.requests", "goods"),
        Publish("", "client.acme.results"),
        Declare("redeem.reply.mine"),
        Declare("client.acme-2.results"),
    ] {
        assert_eq!(said(&acme, what).await, ACCESS_REFUSED, "{what:?}");
    }

    let mut results = Bench::open(&url).await.read("client.acme.results").await;
    for client in ["zeta", "acme"] {
        let mut result = mug(client);
        result.routing_key = if client == "acme" { "acme.goods" } else { "zeta.goods" };
        bench.publish_to("redeem.results", &result).await;
    }
    assert_eq!(results.next().await.routing_key, "acme.goods");

    let url = as_user(&site.amqp_url, &format!("{}_client_redeem", site.name), PASSWORD);
    let unluckily_named = connect(&url).await;
    for what in
        [Get("redeem.requests"), Declare("redeem.reply.mine"), Publish("redeem.requests", "goods")]
    {
        assert_eq!(said(&unluckily_named, what).await, ACCESS_REFUSED, "{what:?}");
    }
    for client in ["acme", "redeem"] {
        rights::remove_broker_user(&site.name, &format!("client_{client}")).await;
    }
    remove(site).await;
}

#[tokio::test]
async fn a_client_sites_user_can_be_made_before_the_first_worker_or_is_not_made_at_all() {
    let (site, bench) = site_with_users().await;
    rights::make_broker_users(&site, &["client", "acme"]);
    // What it made before the worker is what a worker would make.
    bench.declare().await;
    let url = as_user(&site.amqp_url, &format!("{}_client_acme", site.name), PASSWORD);
    let acme = connect(&url).await;
    assert_eq!(said(&acme, Declare("client.acme.results")).await, None);
    assert_eq!(said(&acme, Bind("client.acme.results", "redeem.results", "acme.#")).await, None);
    let all = Bind("client.acme.results", "redeem.results", "#");
    assert_eq!(said(&acme, all).await, ACCESS_REFUSED);

    let path = format!("exchanges/{}/redeem.results", site.name);
    management(Method::DELETE, &path, None).await.expect("deleted");
    let other = json!({"type": "fanout", "durable": true});
    management(Method::PUT, &path, Some(other)).await.expect("declared");
    let refused = rights::run_broker_users(&site, &["client", "zeta"]);
    assert!(!refused.status.success());
    let words = String::from_utf8_lossy(&refused.stderr);
    assert!(words.contains("redeem.results") && words.contains("400"), "{words}");
    let path = format!("users/{}_client_zeta", site.name);
    let made = management(Method::GET, &path, None).await;
    assert!(made.is_err(), "refused, and half done");
    rights::remove_broker_user(&site.name, "client_acme").await;
    remove(site).await;
}
