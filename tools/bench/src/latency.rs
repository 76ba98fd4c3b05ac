//! How long a job takes, from request to result, at a constant rate of arrivals. Jobs are sent by
//! schedule, whatever became of those before, and their time counts from the instant at which they were
//! due: a system that stands still can't hide it by holding up the load (coordinated omission).

use crate::jobs::Jobs;
use crate::rig::Rig;
use anyhow::{Context as _, ensure};
use hdrhistogram::Histogram;
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::{Channel, Confirmation};
use redeemq::broker::publish::message::Outgoing;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// Tasks that are due sooner than this are sent along.
const GRAIN: Duration = Duration::from_micros(200);
/// Before the first one is due.
const HEAD_START: Duration = Duration::from_millis(50);
const LONGEST_MICROS: u64 = 60_000_000;

/// Latencies in microseconds.
pub type Latencies = Histogram<u64>;

/// To be filled, to three digits.
pub fn none() -> anyhow::Result<Latencies> {
    Ok(Latencies::new_with_max(LONGEST_MICROS, 3)?)
}

/// At so many jobs a second. Those of the warm-up don't count.
pub async fn open_loop(
    rig: &Rig,
    jobs: &Arc<Jobs>,
    rate: f64,
    warm_up: f64,
    seconds: f64,
) -> anyhow::Result<Latencies> {
    let channel = rig.connection.create_channel().await?;
    channel.confirm_select(ConfirmSelectOptions::default()).await?;
    let run = rig.begin(true, 0)?;
    let first = jobs.drawn();
    let count = (rate * (warm_up + seconds)).ceil() as u64;
    let begun = Instant::now() + HEAD_START;
    let (ticks, due) = mpsc::unbounded_channel();
    let clock = std::thread::spawn(move || tick(&ticks, begun, rate, count));
    send(&channel, jobs, due).await?;
    clock.join().ok().context("the clock")?;
    run.until(count).await?;
    channel.close(200, "sent".into()).await?;

    let skipped = (rate * warm_up) as u64;
    let mut latencies = none()?;
    for (number, at) in run.take_arrivals() {
        let place = number - first;
        if place >= skipped {
            let due = begun + Duration::from_secs_f64(place as f64 / rate);
            latencies.saturating_record(micros(at.saturating_duration_since(due)));
        }
    }
    ensure!(latencies.len() == count - skipped, "some jobs were answered twice, others never");
    Ok(latencies)
}

/// A thread of its own: the runtime's timers are no finer than a millisecond.
fn tick(ticks: &mpsc::UnboundedSender<u64>, begun: Instant, rate: f64, count: u64) {
    let mut sent = 0;
    while sent < count {
        let elapsed = Instant::now().saturating_duration_since(begun).as_secs_f64();
        let due = ((elapsed * rate) as u64 + 1).min(count);
        if due > sent && Instant::now() >= begun {
            if ticks.send(due - sent).is_err() {
                return;
            }
            sent = due;
        }
        let next = begun + Duration::from_secs_f64(sent as f64 / rate);
        std::thread::sleep(next.saturating_duration_since(Instant::now()).max(GRAIN));
    }
}

/// Nobody waits for a confirm before the next is sent.
async fn send(
    channel: &Channel,
    jobs: &Jobs,
    mut due: mpsc::UnboundedReceiver<u64>,
) -> anyhow::Result<()> {
    let (confirms, awaited) = mpsc::unbounded_channel();
    let confirming = tokio::spawn(confirm(awaited));
    while let Some(count) = due.recv().await {
        for message in jobs.window(count) {
            let _ = confirms.send(publish(channel, &message).await?);
        }
    }
    drop(confirms);
    confirming.await?
}

async fn confirm(
    mut awaited: mpsc::UnboundedReceiver<impl Future<Output = lapin::Result<Confirmation>>>,
) -> anyhow::Result<()> {
    while let Some(confirm) = awaited.recv().await {
        ensure!(confirm.await?.is_ack(), "the broker did not take a request");
    }
    Ok(())
}

async fn publish(
    channel: &Channel,
    message: &Outgoing,
) -> anyhow::Result<impl Future<Output = lapin::Result<Confirmation>> + use<>> {
    let options = BasicPublishOptions { mandatory: message.mandatory, immediate: false };
    let (exchange, key) = (message.exchange.into(), message.routing_key.clone());
    let properties = message.properties.clone();
    Ok(channel.basic_publish(exchange, key, options, &message.body, properties).await?)
}

/// One job at a time, the next when the one before has its result.
pub async fn one_by_one(rig: &Rig, jobs: &Arc<Jobs>, count: usize) -> anyhow::Result<Latencies> {
    let channel = rig.connection.create_channel().await?;
    channel.confirm_select(ConfirmSelectOptions::default()).await?;
    let run = rig.begin(false, 0)?;
    let mut latencies = none()?;
    let warm_up = count / 10 + 1;
    for place in 0..count + warm_up {
        let message = jobs.message();
        let begun = Instant::now();
        let confirm = publish(&channel, &message).await?;
        let mark = run.until(place as u64 + 1).await?;
        if place >= warm_up {
            latencies.saturating_record(micros(mark.at.duration_since(begun)));
        }
        ensure!(confirm.await?.is_ack(), "the broker did not take a request");
    }
    channel.close(200, "sent".into()).await?;
    Ok(latencies)
}

/// Milliseconds below which so many percent lie.
pub fn percentile(latencies: &Latencies, percent: f64) -> f64 {
    latencies.value_at_percentile(percent) as f64 / 1_000.0
}

pub fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// Milliseconds of committing one small row, one after the other: the median.
pub async fn bare_commit(place: &crate::bench::Place, count: usize) -> anyhow::Result<f64> {
    let mut db = place.connect().await?;
    sqlx::query("create table if not exists bare (number bigint primary key)")
        .execute(&mut db)
        .await?;
    let mut latencies = none()?;
    for _ in 0..count {
        let begun = Instant::now();
        let insert = "insert into bare select coalesce(max(number), 0) + 1 from bare";
        sqlx::query(insert).execute(&mut db).await?;
        latencies.saturating_record(micros(begun.elapsed()));
    }
    sqlx::Connection::close(db).await?;
    Ok(percentile(&latencies, 50.0))
}
