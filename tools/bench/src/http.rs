//! The front door: how many jobs a second an ingress accepts, against how many messages of the same kind
//! the broker confirms; and how long a caller waits who asks to.

use crate::bench::{Bench, Place};
use crate::caller::{Asking, Caller};
use crate::latency::{self, Latencies, micros};
use crate::process::Process;
use crate::rig::Rig;
use anyhow::{Context as _, ensure};
use lapin::options::BasicGetOptions;
use rand::RngExt as _;
use redeemq::broker::publish::message::{ConfirmStatus, MaxMessageSize, Outgoing};
use redeemq::broker::publish::publisher::Publisher;
use redeemq::broker::{self, topology};
use serde_json::json;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// Messages in a window of the raw publishers, and how many of those publish: as an ingress does.
const WINDOW: usize = 500;
const PUBLISHERS: usize = 2;

/// An ingress, and a token for it.
pub struct Door {
    pub process: Process,
    pub asking: Asking,
    players: u32,
}

impl Door {
    pub async fn open(bench: &Bench, place: &Place) -> anyhow::Result<Self> {
        let address: SocketAddr = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let ingress = place.redeemq(&["ingress"]).with("REDEEMQ_HTTP_ADDR", &address.to_string());
        // All callers are at one address here.
        let process = ingress.with("REDEEMQ_CONNECTIONS_ADDRESS", "0").start("ingress")?;
        let base = format!("http://{address}");
        for tries in 0.. {
            let ready = reqwest::get(format!("{base}/readyz")).await;
            if ready.is_ok_and(|answer| answer.status().is_success()) {
                break;
            }
            ensure!(tries < 600, "the ingress was not ready within 30 s");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let world = &bench.world;
        let pair = json!({"api_key": world.api_key, "api_secret": world.api_secret});
        let answer = reqwest::Client::new().post(format!("{base}/Auth")).json(&pair).send().await?;
        let answer: serde_json::Value = serde_json::from_str(&answer.text().await?)?;
        let token = answer["response"]["token"].as_str().context("a token")?.to_owned();
        let asking = Asking { address, token, wait: None };
        Ok(Self { process, asking, players: world.players })
    }

    /// Asks over so many connections, one request at a time each, until the time is over. How many
    /// were accepted, in how long, and how long each took.
    pub async fn call(
        &self,
        connections: u32,
        wait: Option<u32>,
        seconds: f64,
    ) -> anyhow::Result<Called> {
        let asking = Asking { wait, ..self.asking.clone() };
        let status = if wait.is_some() { 200 } else { 202 };
        let players = self.players;
        let mut callers = Vec::new();
        for _ in 0..connections {
            let player = || rand::rng().random_range(0..players);
            callers.push(Caller::open(&asking, player).await?);
        }
        let begun = Instant::now();
        let end = begun + Duration::from_secs_f64(seconds);
        let mut calling = JoinSet::new();
        for mut caller in callers {
            calling.spawn(async move {
                let mut latencies = latency::none()?;
                while Instant::now() < end {
                    let begun = Instant::now();
                    let answer = caller.ask().await?;
                    ensure!(answer == (status, true), "an answer {answer:?} where {status} is due");
                    latencies.saturating_record(micros(begun.elapsed()));
                }
                anyhow::Ok(latencies)
            });
        }
        let mut latencies = latency::none()?;
        while let Some(called) = calling.join_next().await {
            latencies.add(called??)?;
        }
        Ok(Called { accepted: latencies.len(), took: begun.elapsed(), latencies })
    }
}

/// What a number of callers came to.
pub struct Called {
    pub accepted: u64,
    took: Duration,
    pub latencies: Latencies,
}

impl Called {
    pub fn rate(&self) -> f64 {
        self.accepted as f64 / self.took.as_secs_f64()
    }
}

/// The oldest message that an ingress has published.
pub async fn published(rig: &Rig) -> anyhow::Result<Outgoing> {
    let channel = rig.connection.create_channel().await?;
    let getting = channel.basic_get(topology::REQUESTS.into(), BasicGetOptions { no_ack: true });
    let delivery = getting.await?.context("a request in the queue")?.delivery;
    channel.close(200, "got".into()).await?;
    Ok(Outgoing {
        exchange: topology::REQUESTS,
        routing_key: delivery.routing_key.clone(),
        mandatory: true,
        properties: delivery.properties.clone(),
        body: delivery.data.as_slice().into(),
    })
}

/// Messages like this one that the broker confirms in a second, from publishers like those of an ingress.
pub async fn raw(place: &Place, message: &Outgoing, seconds: f64) -> anyhow::Result<f64> {
    let pool = broker::pool(&place.amqp_url.clone().into(), "bench: raw", PUBLISHERS)?;
    let confirmed = Arc::new(AtomicU64::new(0));
    let window: Arc<[Outgoing]> = vec![message.clone(); WINDOW].into();
    let mut publishing = JoinSet::new();
    let mut publishers = Vec::new();
    for _ in 0..PUBLISHERS {
        publishers.push(Publisher::open(&pool, MaxMessageSize::default()).await?);
    }
    let begun = Instant::now();
    let end = begun + Duration::from_secs_f64(seconds);
    for publisher in publishers {
        let (window, confirmed) = (Arc::clone(&window), Arc::clone(&confirmed));
        publishing.spawn(async move {
            while Instant::now() < end {
                let receipts = publisher.publish(&window, true).await?;
                let all = receipts.iter().all(|receipt| *receipt == ConfirmStatus::Confirmed);
                ensure!(all, "the broker did not take all messages");
                confirmed.fetch_add(WINDOW as u64, Ordering::Relaxed);
            }
            anyhow::Ok(())
        });
    }
    while let Some(done) = publishing.join_next().await {
        done??;
    }
    Ok(confirmed.load(Ordering::Relaxed) as f64 / begun.elapsed().as_secs_f64())
}
