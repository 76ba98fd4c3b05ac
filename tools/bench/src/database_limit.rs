//! The database's limit: the same batches straight into load, decide and persist, without a broker. One
//! after the other, by the function that a worker calls.

use crate::bench::Place;
use crate::broker_limit::Samples;
use crate::jobs::Jobs;
use anyhow::{Context as _, ensure};
use redeemq::broker;
use redeemq::broker::publish::message::MaxMessageSize;
use redeemq::broker::topology::QUEUE_BYTES_MAX;
use redeemq::broker::topology::lanes::Source;
use redeemq::store::{self, Role, StatementLimit};
use redeemq::traces::Traces;
use redeemq::worker::batch::attempt::attempt;
use redeemq::worker::context::{BATCH_MAX, Context, Settings};
use redeemq::worker::metrics::in_flight_age::InFlightAges;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// As many connections as a worker has.
const CONNECTIONS: u32 = 5;

/// A worker's way into the database.
pub struct Database(Arc<Context>);

impl Database {
    pub fn open(place: &Place) -> anyhow::Result<Self> {
        let amqp_url = place.amqp_url.clone().into();
        let store = store::pool(
            &place.database_url.clone().into(),
            Role::Worker(StatementLimit::default()),
            CONNECTIONS,
        )?;
        // Nothing is published: nothing connects.
        let publishers = broker::pool(&amqp_url, "bench", 1)?;
        let settings = Settings {
            amqp_url,
            batch_max: BATCH_MAX,
            queue_bytes_max: QUEUE_BYTES_MAX,
            lanes: None,
            age_max: None,
            look_every: None,
            statement_limit: StatementLimit::default(),
        };
        let context = Context {
            source: Source::Common,
            settings,
            store,
            publishers,
            max_message_size: MaxMessageSize::default(),
            route_circuits: Arc::default(),
            in_flight_age: InFlightAges::default().add(),
            traces: Traces::default(),
        };
        Ok(Self(Arc::new(context)))
    }

    /// Jobs a second, of the time that batches took.
    pub async fn rate(&self, jobs: &Jobs, warm_up: f64, seconds: f64) -> anyhow::Result<f64> {
        self.batches(jobs, warm_up).await?;
        let (decided, took) = self.batches(jobs, seconds).await?;
        Ok(decided as f64 / took.as_secs_f64())
    }

    async fn batches(&self, jobs: &Jobs, seconds: f64) -> anyhow::Result<(u64, Duration)> {
        let (mut decided, mut took) = (0, Duration::ZERO);
        while decided == 0 || took.as_secs_f64() < seconds {
            let batch = jobs.read(BATCH_MAX);
            let begun = Instant::now();
            let results = attempt(Arc::clone(&self.0), batch.into(), None).await?;
            took += begun.elapsed();
            for result in &results {
                ensure!(result.is_effective, "a job was not granted: {}", result.body);
            }
            decided += results.len() as u64;
        }
        Ok((decided, took))
    }

    /// One job, and what a worker writes to it.
    pub async fn samples(&self, jobs: &Jobs) -> anyhow::Result<Samples> {
        let request = jobs.message().body.to_vec();
        let job = redeemq::wire::request::decode(&request)?;
        let results = attempt(Arc::clone(&self.0), [job].into(), None).await?;
        let result = results.first().context("a result")?;
        ensure!(result.is_effective, "a job was not granted: {}", result.body);
        Ok(Samples { request, result: result.body.as_bytes().to_vec() })
    }
}
