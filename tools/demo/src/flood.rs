//! A sponsor campaign: more wishes than there is stock, all at once, on one goods row.

use crate::acts::Caller;
use crate::page::Page;
use crate::stage::{CLIENT, Stage};
use anyhow::{Context as _, ensure};
use futures_util::StreamExt as _;
use futures_util::stream;
use lapin::options::{BasicConsumeOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use lapin::{Connection, ConnectionProperties, Consumer};
use serde_json::{Value, json};
use std::collections::HashSet;
use std::time::{Duration, Instant};

const JOBS: usize = 5_000;
const PLAYERS: usize = 500;
const STOCK: usize = 3_000;
/// Requests under way at a time.
const AT_A_TIME: usize = 128;

pub async fn flood(caller: &Caller, stage: &Stage, page: &mut Page) -> anyhow::Result<()> {
    page.heading("A flood: 5,000 redemptions by 500 players, stock 3,000");
    let connection = Connection::connect(&stage.amqp_url, ConnectionProperties::default()).await?;
    let mut results = listen(&connection).await?;
    let begun = Instant::now();
    let posting = tokio::spawn(post_all(caller.clone()));
    let mut answered: HashSet<String> = HashSet::with_capacity(JOBS);
    let (mut granted, mut exhausted, mut repeats) = (0, 0, 0);
    while answered.len() < JOBS {
        let next = tokio::time::timeout(Duration::from_secs(60), results.next());
        let result = next.await.context("no result within 60 s")?.context("no more results")??;
        let body: Value = serde_json::from_slice(&result.data)?;
        let job_id = body["job_id"].as_str().context("a result without job_id")?;
        if !answered.insert(job_id.to_owned()) {
            repeats += 1;
            continue;
        }
        match body["error_code"].as_str() {
            Some("0000") => granted += 1,
            Some("0604") => exhausted += 1,
            _ => {}
        }
    }
    let seconds = begun.elapsed().as_secs_f64();
    let accepted = posting.await??;
    let rate = JOBS as f64 / seconds;
    let line = format!("{} answered 202, each after the broker's confirm", accepted.len());
    page.check("accepted over HTTP", &line, accepted.len() == JOBS);
    let line = format!("{} results for {} jobs, {repeats} repeats", answered.len(), accepted.len());
    page.check("answered over AMQP", &line, answered == accepted);
    page.check("granted (0000)", &granted.to_string(), granted == STOCK);
    page.check(
        "refused, stock exhausted (0604)",
        &exhausted.to_string(),
        exhausted == JOBS - STOCK,
    );
    page.line(
        "from the first post to the last result",
        &format!("{seconds:.2} s: {rate:.0} jobs/s"),
    );
    Ok(())
}

async fn listen(connection: &Connection) -> anyhow::Result<Consumer> {
    let channel = connection.create_channel().await?;
    let exclusive = QueueDeclareOptions { exclusive: true, ..QueueDeclareOptions::default() };
    let queue = channel.queue_declare("".into(), exclusive, FieldTable::default()).await?;
    let (queue, key) = (queue.name().clone(), format!("{CLIENT}.sponsor"));
    let options = QueueBindOptions::default();
    let none = FieldTable::default();
    channel
        .queue_bind(queue.clone(), "redeem.results".into(), key.into(), options, none.clone())
        .await?;
    let options = BasicConsumeOptions { no_ack: true, ..BasicConsumeOptions::default() };
    Ok(channel.basic_consume(queue, "".into(), options, none).await?)
}

async fn post_all(caller: Caller) -> anyhow::Result<HashSet<String>> {
    let posts = stream::iter(0..JOBS).map(|job| {
        let caller = caller.clone();
        async move {
            let player = format!("fan-{:03}", job % PLAYERS);
            let params = json!({"goods_id": "summer-cup", "player_id": player, "amount": 1});
            let answer = caller.post("/Redeem/sponsor", &params, &[]).await?;
            ensure!(answer.status == 202, "not accepted: {}", answer.text);
            let job_id = answer.body["response"]["job_id"].as_str().context("no job id")?;
            Ok(job_id.to_owned())
        }
    });
    let mut accepted = HashSet::with_capacity(JOBS);
    let mut posts = posts.buffer_unordered(AT_A_TIME);
    while let Some(job_id) = posts.next().await {
        accepted.insert(job_id?);
    }
    Ok(accepted)
}
