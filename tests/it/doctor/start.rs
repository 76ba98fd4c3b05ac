//! A worker that starts: what it waits for, and what it does not.

use super::{ask, doctor, refused};
use harness::{Bench, MUG, Role, Site, mug, rights};

#[tokio::test]
async fn a_schema_that_is_not_migrated_yet_is_waited_for_without_touching_a_job() {
    let site = Site::open().await;
    let bench = Bench::open(&site.amqp_url).await;
    bench.declare().await;
    let mut results = bench.results("#").await;
    site.tamper("drop schema public cascade; create schema public").await;
    let request = mug("acme");
    bench.publish(&request).await;
    doctor(&site).assert("fatal", &["migrations", "are not applied", "Run `redeemq migrate`"]);

    let worker = site.launch(Role::Worker, &[]).await;
    worker.logged_containing("Run `redeemq migrate`").await;
    assert_eq!(bench.depth("redeem.requests").await, 1);
    assert!(!worker.text().contains("\"consuming\""), "{}", worker.text());
    site.json(&["migrate"]);
    rights::give(&site.database_url).await;
    site.json(&["client", "create", "acme"]);
    site.goods("acme", MUG);
    let players = "player_id,asset,amount\np1,point,1\n";
    site.import(&["players", "import", "--client", "acme", "--import-id", "1"], players);
    assert_eq!(results.of(&request).await.message_id, request.job_id());
    site.close().await;
}

#[tokio::test]
async fn a_process_that_serves_as_both_ends_as_a_whole() {
    let site = Site::open().await;
    site.tamper(&format!("alter database {} set synchronous_commit = off", site.name)).await;
    let process = site.launch_doomed(Role::Serve, &[]);
    let (status, log) = process.ended().await;
    assert_eq!(status.code(), Some(2), "{log}");
    assert!(log.contains(&format!("\"vhost\":\"{}\"", site.name)), "{log}");
    assert!(log.contains("the worker refused to start") && log.contains("synchronous_commit"));
    // An ingress accepts jobs meanwhile: they wait for a database that keeps what it is told.
    let _ingress = site.start(Role::Ingress, &[]).await;
    site.close().await;
}

#[tokio::test]
async fn an_address_that_is_none_is_told_at_once() {
    let site = Site::open().await;
    for (variable, address) in [
        ("AMQP_URL", "not an address"),
        ("AMQP_URL", "http://guest:s3cr3t@127.0.0.1:5672"),
        ("DATABASE_URL", "jdbc:postgresql://127.0.0.1/redeemq?password=s3cr3t"),
        ("RABBITMQ_MANAGEMENT_URL", "\"http://guest:s3cr3t@127.0.0.1:15672\""),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "grpc://127.0.0.1:4317"),
    ] {
        let log = refused(&site, &[(variable, address)]).await;
        assert!(log.contains(&format!("{variable} must be a URL such as ")), "{log}");
        assert!(!log.contains("s3cr3t"), "{log}");
    }
    site.close().await;
}

#[tokio::test]
async fn a_broker_url_that_ends_in_a_slash_leads_to_the_default_vhost() {
    let site = Site::open().await;
    doctor(&site).assert("ok", &[&format!("vhost `{}`", site.name)]);
    let (server, _) = site.amqp_url.rsplit_once('/').expect("a vhost");
    for url in [format!("{server}/"), server.to_owned(), format!(" {server}/ \n")] {
        ask(&site, &[("AMQP_URL", &url)], &[]).assert("ok", &["vhost `/`"]);
    }
    site.close().await;
}
