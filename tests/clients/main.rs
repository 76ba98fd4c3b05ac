//! The clients in `examples/clients` do what they show. Their libraries are fetched into `target/`, in
//! the versions that they name themselves, so this target is kept apart.

#![expect(unreachable_pub, reason = "a test binary has no outside")]

mod programs;
mod retries;
mod site;

use programs::{curl, node, python};
use site::{Client, assert_granted, said};
use std::process::Command;

/// Both ways tell the same decision; the same key again, the same answer; and other goods are refused.
async fn redeems_once(program: fn() -> Command, has_amqp: bool) {
    let client = Client::open().await;
    let process = client.site.serve().await;
    for _ in 0..2 {
        let child = client.start(program(), &process.http, &["espresso", "alice", "order-1"]);
        let (http, amqp) = said(child).await;
        assert_granted(&http);
        if has_amqp {
            assert_granted(&amqp);
            assert_eq!(http["response"], amqp["response"]);
        }
    }
    let other = client.start(program(), &process.http, &["nothing", "alice"]);
    assert_eq!(said(other).await.0["error_code"], "0501");
    assert_eq!(client.site.number("select sum(granted)::bigint from goods").await, 1);
    client.close().await;
}

#[tokio::test]
async fn the_python_client_redeems_once_and_learns_it_both_ways() {
    redeems_once(python, true).await;
}

#[tokio::test]
async fn the_node_client_redeems_once_and_learns_it_both_ways() {
    redeems_once(node, true).await;
}

#[tokio::test]
async fn the_curl_client_redeems_once() {
    redeems_once(curl, false).await;
}
