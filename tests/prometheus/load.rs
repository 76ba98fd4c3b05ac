//! An ingress, a worker, and a campaign that keeps them busy.

use crate::server::Prometheus;
use harness::{Bench, Caller, Process, Request, Role, Site};
use lapin::types::AMQPValue;
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::task::JoinHandle;

const ENVIRONMENT: [(&str, &str); 2] =
    [("REDEEMQ_LOOK_EVERY_SECONDS", "1"), ("REDEEMQ_AUDIT_EVERY_SECONDS", "2")];

/// Jobs that the other publisher sends at a time, four times a second.
pub const USUAL: u64 = 10;

pub struct Stack<Worker = Process> {
    pub site: Site,
    pub ingress: Process,
    pub worker: Worker,
    /// How many jobs come at a time: see [`USUAL`].
    pub pace: Arc<AtomicU64>,
    load: JoinHandle<()>,
}

impl Stack {
    pub async fn start() -> Self {
        let site = Site::with_clients().await;
        site.goods("acme", "goods_id,price\nmug,point=1\n");
        site.goods("@cola", "goods_id,quantity\ncola,4000\n");
        site.json(&["goods", "watch", "--sponsor", "cola", "cola"]);
        let (ingress, worker) =
            tokio::join!(site.start(Role::Ingress, &ENVIRONMENT), worker(&site));
        let caller = site.caller(&ingress, "acme").await;
        let bench = Bench::open(&site.amqp_url).await;
        // A client site that reads: the queue forgets what is old.
        bench.queue("results", Some("#"), &[("x-max-length", AMQPValue::LongInt(9))]).await;
        let pace = Arc::new(AtomicU64::new(USUAL));
        let load = tokio::spawn(keep_busy(caller, bench, Arc::clone(&pace)));
        Self { site, ingress, worker, pace, load }
    }

    /// It is killed.
    pub fn without_worker(self) -> Stack<()> {
        let Self { site, ingress, worker, pace, load } = self;
        worker.kill();
        Stack { site, ingress, worker: (), pace, load }
    }

    pub async fn close(self) {
        self.load.abort();
        drop((self.worker, self.ingress));
        self.site.close().await;
    }
}

impl Stack<()> {
    /// Another worker, which Prometheus finds.
    pub async fn with_worker_at(self, prometheus: &Prometheus) -> Stack {
        let Self { site, ingress, pace, load, .. } = self;
        let worker = worker(&site).await;
        prometheus.scrape(&[("worker", &worker)]).await;
        Stack { site, ingress, worker, pace, load }
    }
}

async fn worker(site: &Site) -> Process {
    site.start(Role::Worker, &ENVIRONMENT).await
}

/// Jobs over HTTP, and more of them from another publisher.
async fn keep_busy(caller: Caller, bench: Bench, pace: Arc<AtomicU64>) {
    for round in 0u64.. {
        let player = format!("p{}", round % 9 + 1);
        let cola = json!({"goods_id": "cola", "player_id": player, "amount": 1});
        let jobs: Vec<Request> = (0..pace.load(Ordering::Relaxed))
            .map(|_| Request::new("acme", "sponsor", &cola))
            .collect();
        bench.publish_all(&jobs).await;
        let mug = json!({"goods_id": "mug", "player_id": player, "amount": 1});
        for _ in 0..3 {
            caller.post("/Redeem/goods", &mug).await;
        }
        caller.post("/Redeem/goods", &json!({})).await;
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
}
