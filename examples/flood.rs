//! Measures one worker: sponsor redemptions on one goods row, from request message to result message.
//!
//! Expects the URLs in the environment, a migrated database and a running worker; makes its own
//! goods and players. `cargo run --release --example flood -- 30000`

use anyhow::Context as _;
use futures_util::StreamExt as _;
use lapin::options::{
    BasicConsumeOptions, BasicPublishOptions, BasicQosOptions, ConfirmSelectOptions,
    QueueBindOptions, QueueDeclareOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};
use std::time::Instant;

const WINDOW: usize = 500;
const PLAYERS: usize = 500;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let jobs: usize = std::env::args().nth(1).unwrap_or_else(|| "30000".to_owned()).parse()?;
    prepare().await?;
    let url = std::env::var("AMQP_URL").context("AMQP_URL is not set")?;
    let connection = Connection::connect(&url, ConnectionProperties::default()).await?;
    let mut results = results(&connection).await?;
    let begun = Instant::now();
    let publishing = tokio::spawn(publish(connection.create_channel().await?, jobs));
    let mut granted = 0;
    for _ in 0..jobs {
        let result = results.next().await.context("the result queue ended")??;
        let is_granted = result.data.windows(20).any(|bytes| bytes == br#""error_code":"0000","#);
        granted += usize::from(is_granted);
    }
    let seconds = begun.elapsed().as_secs_f64();
    let published = publishing.await??;
    let rate = jobs as f64 / seconds;
    anyhow::ensure!(granted == jobs, "only {granted} of {jobs} were granted");
    #[expect(clippy::print_stdout, reason = "the result of the program")]
    {
        println!(
            "{jobs} jobs, published in {published:.2} s, all answered in {seconds:.2} s: {rate:.0} jobs/s"
        );
    }
    Ok(())
}

async fn prepare() -> anyhow::Result<()> {
    let url = std::env::var("DATABASE_URL").context("DATABASE_URL is not set")?;
    let store = sqlx::PgPool::connect(&url).await?;
    for statement in [
        "insert into client (client_id, name, api_key, api_secret_hash) values ('flood', 'Flood', 'flood', '-') on conflict do nothing",
        "insert into goods (scope, sponsor, goods_id, name, quantity, price) values ('*', 'flood', 'flood', 'Flood', 1000000000, 'point=1') on conflict do nothing",
        "insert into player_import select 'flood', 'flood', 'p' || i, 'point', 1000000000 from generate_series(0, 499) i on conflict do nothing",
        "insert into balance select 'flood', 'p' || i, 'point', 1000000000 from generate_series(0, 499) i on conflict do nothing",
    ] {
        sqlx::query(statement).execute(&store).await?;
    }
    Ok(())
}

async fn results(connection: &Connection) -> anyhow::Result<lapin::Consumer> {
    let channel = connection.create_channel().await?;
    let queue = "flood-results";
    let mut quorum = FieldTable::default();
    quorum.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
    let options = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
    channel.queue_declare(queue.into(), options, quorum).await?;
    let (options, none) = (QueueBindOptions::default(), FieldTable::default());
    channel
        .queue_bind(queue.into(), "redeem.results".into(), "flood.#".into(), options, none)
        .await?;
    channel.queue_purge(queue.into(), Default::default()).await?;
    channel.basic_qos(2_000, BasicQosOptions::default()).await?;
    let options = BasicConsumeOptions { no_ack: true, ..BasicConsumeOptions::default() };
    Ok(channel.basic_consume(queue.into(), "".into(), options, FieldTable::default()).await?)
}

async fn publish(channel: Channel, jobs: usize) -> anyhow::Result<f64> {
    channel.confirm_select(ConfirmSelectOptions::default()).await?;
    let begun = Instant::now();
    let mut confirms = Vec::with_capacity(WINDOW);
    for job in 0..jobs {
        let id = uuid::Uuid::now_v7().to_string();
        let body = serde_json::json!({
            "v": 1, "job_id": id, "client_id": "flood", "operation": "sponsor",
            "accepted_at": redeemq::wire::rfc3339(redeemq::wire::now()),
            "params": {"goods_id": "flood", "player_id": format!("p{}", job % PLAYERS), "amount": 1},
        });
        let properties =
            BasicProperties::default().with_message_id(id.into()).with_delivery_mode(2);
        let options = BasicPublishOptions::default();
        let body = body.to_string();
        let publishing = channel.basic_publish(
            "redeem.requests".into(),
            "sponsor".into(),
            options,
            body.as_bytes(),
            properties,
        );
        confirms.push(publishing.await?);
        if confirms.len() == WINDOW {
            for confirm in confirms.drain(..) {
                anyhow::ensure!(confirm.await?.is_ack(), "the request queue is full");
            }
        }
    }
    for confirm in confirms {
        anyhow::ensure!(confirm.await?.is_ack(), "the request queue is full");
    }
    Ok(begun.elapsed().as_secs_f64())
}
