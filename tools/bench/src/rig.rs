//! Load and its results: what was sent and what came back, in one run at a time.

use crate::generator;
use crate::jobs::Jobs;
use crate::reader;
use anyhow::{bail, ensure};
use lapin::Connection;
use redeemq::broker::{self, Pool};
use secrecy::SecretString;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinHandle;

/// Nothing must come for so long before what is missing counts as lost.
const PATIENCE: Duration = Duration::from_secs(30);

/// Everything that came back so far, at an instant.
#[derive(Debug, Clone, Copy)]
pub struct Mark {
    pub answered: u64,
    pub at: Instant,
}

/// One run of load.
pub struct Run {
    /// Whether each result's instant is kept.
    pub is_timed: bool,
    /// Most jobs under way.
    pub under_way: usize,
    /// Leave to send.
    pub leave: Semaphore,
    sent: AtomicU64,
    marks: Mutex<Option<(Mark, Mark)>>,
    arrivals: Mutex<Vec<(u64, Instant)>>,
    fault: OnceLock<String>,
    arrived: Notify,
}

impl Run {
    fn new(is_timed: bool, under_way: usize) -> Self {
        Self {
            is_timed,
            under_way,
            leave: Semaphore::new(under_way),
            sent: AtomicU64::new(0),
            marks: Mutex::default(),
            arrivals: Mutex::default(),
            fault: OnceLock::new(),
            arrived: Notify::new(),
        }
    }

    /// The broker has confirmed some.
    pub fn confirm(&self, count: u64) {
        self.sent.fetch_add(count, Ordering::Relaxed);
    }

    /// How many the broker has confirmed.
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Some results came.
    pub fn receive(&self, count: u64, numbers: Vec<u64>, at: Instant) {
        {
            let mut marks = self.marks.lock().unwrap_or_else(PoisonError::into_inner);
            let answered = marks.map_or(0, |(_, last)| last.answered) + count;
            let mark = Mark { answered, at };
            *marks = Some((marks.map_or(mark, |(first, _)| first), mark));
        }
        if self.is_timed {
            let mut arrivals = self.arrivals.lock().unwrap_or_else(PoisonError::into_inner);
            arrivals.extend(numbers.into_iter().map(|number| (number, at)));
        }
        let leave = usize::try_from(count).unwrap_or_default();
        self.leave.add_permits(leave);
        self.arrived.notify_one();
    }

    /// A result that is none: a bench that measures refusals is worthless.
    pub fn fail(&self, body: &str) {
        let _ = self.fault.set(body.chars().take(500).collect());
    }

    /// What the first results left, and the last.
    pub fn marks(&self) -> Option<(Mark, Mark)> {
        *self.marks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn answered(&self) -> u64 {
        self.marks().map_or(0, |(_, last)| last.answered)
    }

    /// Who was answered when.
    pub fn take_arrivals(&self) -> Vec<(u64, Instant)> {
        std::mem::take(&mut self.arrivals.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Waits for so many results; the mark when they were there.
    pub async fn until(&self, results: u64) -> anyhow::Result<Mark> {
        loop {
            if let Some(fault) = self.fault.get() {
                bail!("a job was not granted: {fault}");
            }
            let last = self.marks().map(|(_, last)| last);
            if let Some(last) = last.filter(|last| last.answered >= results) {
                return Ok(last);
            }
            let waiting = tokio::time::timeout(PATIENCE, self.arrived.notified()).await;
            let answered = last.map_or(0, |last| last.answered);
            ensure!(
                waiting.is_ok(),
                "{answered} of {results} jobs were answered, and no more come"
            );
        }
    }
}

/// The generator's connections and the reader.
pub struct Rig {
    publishers: Pool,
    /// For what publishes by itself.
    pub connection: Connection,
    current: Arc<Mutex<Arc<Run>>>,
    reading: JoinHandle<anyhow::Result<()>>,
}

impl Rig {
    /// Declares what a worker would, and the queue of results.
    pub async fn open(amqp_url: &str) -> anyhow::Result<Self> {
        let url = SecretString::from(amqp_url.to_owned());
        let connection = broker::connect(&url, "bench").await?;
        broker::topology::declare(&connection, broker::topology::QUEUE_BYTES_MAX).await?;
        let current = Arc::new(Mutex::new(Arc::new(Run::new(false, 0))));
        let consumer = reader::open(&connection).await?;
        let reading = tokio::spawn(reader::read(consumer, Arc::clone(&current)));
        let publishers = broker::pool(&url, "bench: requests", generator::PUBLISHERS)?;
        Ok(Self { publishers, connection, current, reading })
    }

    /// Begins a run, with so many jobs under way at most.
    pub fn begin(&self, is_timed: bool, under_way: usize) -> anyhow::Result<Arc<Run>> {
        ensure!(!self.reading.is_finished(), "the reader of results has ended");
        let run = Arc::new(Run::new(is_timed, under_way));
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&run);
        Ok(run)
    }

    /// Starts to send, at most so many jobs and until told to stop.
    pub fn send(&self, jobs: &Arc<Jobs>, run: &Arc<Run>, jobs_max: u64) -> generator::Sending {
        generator::Sending::start(
            self.publishers.clone(),
            Arc::clone(jobs),
            Arc::clone(run),
            jobs_max,
        )
    }

    /// Throws away what waits in the queue of requests.
    pub async fn purge(&self) -> anyhow::Result<()> {
        let channel = self.connection.create_channel().await?;
        let queue = broker::topology::REQUESTS.into();
        channel.queue_purge(queue, Default::default()).await?;
        Ok(channel.close(200, "purged".into()).await?)
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.reading.abort();
    }
}

/// How many jobs a second lie between two marks.
pub fn rate(from: Mark, to: Mark) -> anyhow::Result<f64> {
    let seconds = to.at.duration_since(from.at).as_secs_f64();
    ensure!(seconds > 0.0 && to.answered > from.answered, "too short to be measured");
    Ok((to.answered - from.answered) as f64 / seconds)
}
