//! Breaks one thing after another, several at a time, and mends each after a while.

use crate::mirror;
use crate::report;
use crate::system::{Part, System};
use anyhow::Context as _;
use harness::proxy::Proxy;
use harness::servers::{Server, Servers};
use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use reqwest::Method;
use serde_json::json;
use sqlx::{Connection as _, Executor as _, PgConnection};
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Faults at the same time.
const AT_ONCE_MAX: usize = 3;
/// Peace before the first. RabbitMQ 3.10 forgets the leader of a quorum queue when it is killed within
/// half a second of the queue's making, and does not find it again. That harms its reader alone; but the
/// reader is our witness.
const PEACE: Duration = Duration::from_secs(3);

/// What can happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Fault {
    /// SIGKILL to a worker or an ingress.
    Kill,
    /// SIGSTOP, and SIGCONT after 20 s.
    Freeze,
    /// SIGKILL to RabbitMQ, and a restart.
    KillBroker,
    /// An immediate stop of Postgres, and a restart.
    KillDatabase,
    /// All sessions of the database are terminated.
    EndSessions,
    /// All connections of the broker are closed.
    EndConnections,
    /// The broker is out of memory and blocks its publishers.
    Alarm,
    /// A line drops its connections, and refuses new ones.
    Cut,
    /// A line takes its time.
    Delay,
    /// Nothing moves on a line, and then it goes on.
    Stall,
    /// One side of a line's connections is gone, and the other doesn't know.
    HalfOpen,
    /// Somebody takes deliveries away from the workers, and gives them back late.
    Snatch,
    /// The request queue is full.
    Fill,
}

const ALL: [Fault; 13] = [
    Fault::Kill,
    Fault::Freeze,
    Fault::KillBroker,
    Fault::KillDatabase,
    Fault::EndSessions,
    Fault::EndConnections,
    Fault::Alarm,
    Fault::Cut,
    Fault::Delay,
    Fault::Stall,
    Fault::HalfOpen,
    Fault::Snatch,
    Fault::Fill,
];

impl Fault {
    /// Whether no job can be accepted, or none decided, while it lasts.
    pub fn stops_everything(self) -> bool {
        matches!(self, Self::KillBroker | Self::KillDatabase | Self::Alarm | Self::Fill)
    }
}

/// What a fault holds, so that no other hits the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Target {
    Broker,
    Database,
    Part(usize),
    Line(usize, u8),
}

/// A fault that is over.
#[derive(Debug, Clone)]
pub struct Struck {
    pub fault: Fault,
    /// In microseconds since 1970.
    pub from: i64,
    pub until: i64,
}

pub struct Nemesis {
    pub system: Arc<System>,
    pub servers: Servers,
    /// Ends the faults early, and brings no new ones.
    pub enough: CancellationToken,
    /// How long the longest faults last.
    pub longest: Duration,
}

impl Nemesis {
    /// Strikes until it is enough; then all is mended.
    pub async fn rage(self: Arc<Self>, seed: u64) -> anyhow::Result<Vec<Struck>> {
        let mut rng = StdRng::seed_from_u64(seed);
        let (mut bag, mut busy) = (Vec::new(), HashSet::new());
        let (mut striking, mut over) = (JoinSet::new(), Vec::new());
        self.hold(PEACE).await;
        while !self.enough.is_cancelled() {
            if bag.is_empty() {
                bag = ALL.to_vec();
                bag.shuffle(&mut rng);
            }
            let target = bag.last().map(|fault| self.target(*fault, &mut rng));
            if let Some(target) = target.filter(|_| busy.len() < AT_ONCE_MAX)
                && busy.insert(target)
                && let Some(fault) = bag.pop()
            {
                let (nemesis, seed) = (Arc::clone(&self), rng.random());
                striking.spawn(async move { (target, nemesis.strike(fault, target, seed).await) });
            }
            let pause = Duration::from_millis(rng.random_range(200..3_500));
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.enough.cancelled() => {}
            }
            while let Some(ended) = striking.try_join_next() {
                let (target, struck) = ended?;
                busy.remove(&target);
                over.push(struck?);
            }
        }
        while let Some(ended) = striking.join_next().await {
            over.push(ended?.1?);
        }
        Ok(over)
    }

    fn target(&self, fault: Fault, rng: &mut StdRng) -> Target {
        match fault {
            Fault::Kill | Fault::Freeze => {
                Target::Part(rng.random_range(0..self.system.parts.len()))
            }
            Fault::KillDatabase | Fault::EndSessions => Target::Database,
            Fault::Cut | Fault::Delay | Fault::Stall | Fault::HalfOpen => {
                let part = rng.random_range(0..self.system.parts.len());
                let lines = 2 + u8::from(self.system.parts[part].from_clients.is_some());
                Target::Line(part, rng.random_range(0..lines))
            }
            _ => Target::Broker,
        }
    }

    async fn strike(&self, fault: Fault, target: Target, seed: u64) -> anyhow::Result<Struck> {
        let mut rng = StdRng::seed_from_u64(seed);
        let from = now();
        let what = match target {
            Target::Part(part) => {
                self.at_part(fault, &self.system.parts[part], &mut rng).await.context("a part")?
            }
            Target::Line(part, line) => self.at_line(fault, part, line, &mut rng).await?,
            Target::Broker | Target::Database => self.at_server(fault, &mut rng).await?,
        };
        let until = now();
        report::fault(&what, until - from);
        Ok(Struck { fault, from, until })
    }

    async fn at_part(&self, fault: Fault, part: &Part, rng: &mut StdRng) -> anyhow::Result<String> {
        if fault == Fault::Freeze {
            part.signal("-STOP")?;
            self.hold(self.longest.min(Duration::from_secs(20))).await;
            part.signal("-CONT")?;
            return Ok(format!("{} frozen", part.name));
        }
        self.system.kill(part)?;
        self.hold(Duration::from_millis(rng.random_range(0..2_500))).await;
        self.system.restart(part)?;
        Ok(format!("{} killed and restarted", part.name))
    }

    async fn at_line(
        &self,
        fault: Fault,
        part: usize,
        line: u8,
        rng: &mut StdRng,
    ) -> anyhow::Result<String> {
        let part = &self.system.parts[part];
        let (end, line): (&str, &Proxy) = match (line, &part.from_clients) {
            (0, _) => ("to the broker", &part.to_broker),
            (2, Some(line)) => ("from the clients", line),
            _ => ("to the database", &part.to_database),
        };
        let how = match fault {
            Fault::Delay => {
                let by = Duration::from_millis(rng.random_range(10..300));
                line.delay(by);
                self.hold(Duration::from_millis(rng.random_range(2_000..9_000))).await;
                line.delay(Duration::ZERO);
                format!("slowed by {} ms", by.as_millis())
            }
            Fault::Cut => {
                line.cut();
                self.hold(Duration::from_millis(rng.random_range(300..5_000))).await;
                line.mend();
                "cut".to_owned()
            }
            Fault::Stall => {
                line.freeze();
                self.hold(Duration::from_millis(rng.random_range(500..12_000))).await;
                line.mend();
                "stalled".to_owned()
            }
            _ => {
                line.lose();
                "half open".to_owned()
            }
        };
        Ok(format!("line of {} {end} {how}", part.name))
    }

    async fn at_server(&self, fault: Fault, rng: &mut StdRng) -> anyhow::Result<String> {
        let servers = &self.servers;
        let what = match fault {
            Fault::KillBroker => {
                servers.kill(Server::RabbitMq).await?;
                servers.revive(Server::RabbitMq).await?;
                "RabbitMQ killed and restarted".to_owned()
            }
            Fault::KillDatabase => {
                servers.kill(Server::Postgres).await?;
                self.hold(Duration::from_millis(rng.random_range(0..3_000))).await;
                servers.revive(Server::Postgres).await?;
                "Postgres stopped at once and restarted".to_owned()
            }
            Fault::EndSessions => {
                let mut db = PgConnection::connect(&servers.database_url).await?;
                db.execute(
                    "select pg_terminate_backend(pid) from pg_stat_activity
                     where datname = current_database() and pid <> pg_backend_pid()",
                )
                .await?;
                "all database sessions terminated".to_owned()
            }
            Fault::EndConnections => {
                servers.rabbitmqctl(&["close_all_connections", "prove"]).await?;
                "all broker connections closed".to_owned()
            }
            Fault::Alarm => {
                servers.rabbitmqctl(&["set_vm_memory_high_watermark", "0.000001"]).await?;
                self.hold(self.longest).await;
                servers.rabbitmqctl(&["set_vm_memory_high_watermark", "0.4"]).await?;
                "memory alarm: publishers blocked".to_owned()
            }
            Fault::Snatch => {
                let hold = Duration::from_millis(rng.random_range(200..3_000));
                match mirror::snatch(&servers.amqp_url, 200, hold).await {
                    Ok(count) => format!("{count} deliveries taken away and given back"),
                    Err(error) => format!("deliveries taken away, not given back: {error:#}"),
                }
            }
            _ => {
                let policy = "policies/%2f/prove-full";
                let full = json!({
                    "pattern": "^redeem\\.requests$", "apply-to": "queues",
                    "definition": {"max-length": 10},
                });
                servers.manage(Method::PUT, policy, Some(full)).await?;
                self.hold(Duration::from_millis(rng.random_range(1_000..8_000))).await;
                servers.manage(Method::DELETE, policy, None).await?;
                "request queue full".to_owned()
            }
        };
        Ok(what)
    }

    /// Waits that long, or until it is enough.
    async fn hold(&self, duration: Duration) {
        tokio::select! {
            () = tokio::time::sleep(duration) => {}
            () = self.enough.cancelled() => {}
        }
    }
}

/// Microseconds since 1970.
pub fn now() -> i64 {
    i64::try_from(redeemq::wire::now().unix_timestamp_nanos() / 1_000).unwrap_or(i64::MAX)
}
