//! A client whose job is refused, or whose answer gets lost, sends the same job again.

use crate::programs::{curl, node, python};
use crate::site::{Client, assert_granted, said};
use harness::{Process, Proxy, Role, eventually};
use std::process::Command;

async fn accepted(ingress: &Process, times: f64) {
    eventually(&format!("the ingress has accepted {times} messages"), async || {
        ingress.metric("redeemq_accepted_total", "goods").await >= times
    })
    .await;
}

/// Begun while the broker is away: refused with 503, and granted once when it is back.
async fn outlasts_an_outage(program: fn() -> Command) {
    let client = Client::open().await;
    let _worker = client.site.start(Role::Worker, &[]).await;
    let broker = Proxy::before(&client.site.amqp_url).await;
    let ingress = client.site.start(Role::Ingress, &[("AMQP_URL", &broker.url)]).await;
    broker.cut();
    let readyz = format!("{}/readyz", ingress.http);
    eventually("the ingress knows that the broker is away", async || {
        reqwest::get(&readyz).await.is_ok_and(|answer| answer.status() == 503)
    })
    .await;
    let before = ingress.metric("redeemq_refused_total", "3003").await;
    let child = client.start(program(), &ingress.http, &["espresso", "alice"]);
    // Another look at /readyz would count as well: none is taken from here on.
    eventually("the client was refused twice", async || {
        ingress.metric("redeemq_refused_total", "3003").await >= before + 2.0
    })
    .await;
    broker.mend();
    assert_granted(&said(child).await.0);
    assert_eq!(client.site.number("select count(*) from ledger").await, 1);
    client.close().await;
}

/// The job is accepted, and while the client waits for its decision something happens to the line: it
/// sends the job again, and it is granted once.
async fn outlasts_a_lost_answer(program: fn() -> Command, happens: fn(&Proxy)) {
    let client = Client::open().await;
    let ingress = client.site.start(Role::Ingress, &[]).await;
    let line = Proxy::before(&format!("{}/", ingress.http)).await;
    let child = client.start(program(), line.url.trim_end_matches('/'), &["espresso", "alice"]);
    accepted(&ingress, 1.0).await;
    happens(&line);
    accepted(&ingress, 2.0).await;
    let _worker = client.site.start(Role::Worker, &[]).await;
    assert_granted(&said(child).await.0);
    assert_eq!(client.site.number("select count(*) from ledger").await, 1);
    client.close().await;
}

#[tokio::test]
async fn the_python_client_outlasts_an_outage() {
    outlasts_an_outage(python).await;
}

#[tokio::test]
async fn the_python_client_outlasts_a_connection_that_breaks() {
    outlasts_a_lost_answer(python, Proxy::break_off).await;
}

#[tokio::test]
async fn the_python_client_outlasts_an_answer_that_never_comes() {
    outlasts_a_lost_answer(python, Proxy::lose).await;
}

#[tokio::test]
async fn the_node_client_outlasts_an_outage() {
    outlasts_an_outage(node).await;
}

#[tokio::test]
async fn the_node_client_outlasts_a_connection_that_breaks() {
    outlasts_a_lost_answer(node, Proxy::break_off).await;
}

#[tokio::test]
async fn the_node_client_outlasts_an_answer_that_never_comes() {
    outlasts_a_lost_answer(node, Proxy::lose).await;
}

#[tokio::test]
async fn the_curl_client_outlasts_an_outage() {
    outlasts_an_outage(curl).await;
}

#[tokio::test]
async fn the_curl_client_outlasts_a_connection_that_breaks() {
    outlasts_a_lost_answer(curl, Proxy::break_off).await;
}

#[tokio::test]
async fn the_curl_client_outlasts_an_answer_that_never_comes() {
    outlasts_a_lost_answer(curl, Proxy::lose).await;
}
