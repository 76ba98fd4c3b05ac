//! How one looks at what runs.

use harness::blocks::block;
use harness::collector::Collector;
use harness::terminal::Terminal;
use harness::{Role, eventually, with_mugs};
use serde_json::json;

#[tokio::test]
async fn a_live_view_is_opened_as_the_readme_says() {
    let site = with_mugs().await;
    let (ingress, worker) =
        tokio::join!(site.start(Role::Ingress, &[]), site.start(Role::Worker, &[]));
    let [command] = block("redeemq top").try_into().expect("one command");
    let (command, _) = command.split_once('#').expect("a comment");
    let command = command
        .replace("ingress:9464", ingress.metrics_address())
        .replace("worker:9464", worker.metrics_address());
    let arguments: Vec<&str> = command.split_whitespace().skip(1).collect();
    let terminal = Terminal::run(&arguments, &[("AMQP_URL", &site.amqp_url)]);
    terminal.shows(&["2 of 2 processes answer"]).await;
    terminal.press("q");
    terminal.shows(&["ended with 0"]).await;
    drop((ingress, worker));
    site.close().await;
}

#[tokio::test]
async fn traces_are_sent_as_the_page_says() {
    let (site, collector) = (with_mugs().await, Collector::open().await);
    let [command] = block("OTEL_EXPORTER_OTLP_ENDPOINT=").try_into().expect("one command");
    let command = command.replace("http://collector:4318", &collector.url);
    let process = site.typed(&command, Role::Serve).await;
    let caller = site.caller(&process, "acme").await;
    caller.post("/Redeem/goods", &json!({"goods_id": "mug", "player_id": "p1", "amount": 1})).await;
    eventually("a span comes", async || !collector.spans().is_empty()).await;
    drop(process);
    site.close().await;
}
