//! The broker's limit: a worker that decides nothing. It takes requests, publishes a result of the usual
//! size for each, and settles, by the same code and between the same queues as the real one; only the
//! database and the decision are missing. It is a process of its own, as a worker is.

use crate::bench::Place;
use crate::process::{Command, Process};
use anyhow::Context as _;
use redeemq::broker::consume::{consumer::Consumer, received::Received};
use redeemq::broker::publish::message::MaxMessageSize;
use redeemq::broker::publish::outbound;
use redeemq::broker::topology::QUEUE_BYTES_MAX;
use redeemq::broker::topology::lanes::Source;
use redeemq::broker::{self};
use redeemq::domain::job::Job;
use redeemq::traces::messages::Sending;
use redeemq::wire;
use redeemq::worker::context::BATCH_MAX;
use redeemq::worker::publish::pending_result::{Kind, PendingResult};
use redeemq::worker::publish::result_publisher::ResultPublisher;
use secrecy::SecretString;
use std::future::poll_fn;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::task::Poll;
use tokio::sync::mpsc;

/// As many batches are prefetched by a worker.
const BATCHES_AHEAD: usize = 3;

/// How it runs.
#[derive(Debug, Clone, clap::Args)]
pub struct Echo {
    /// A request as it comes.
    #[arg(long)]
    request: PathBuf,
    /// The result that all get.
    #[arg(long)]
    result: PathBuf,
    #[arg(long, env = "AMQP_URL", hide_env_values = true)]
    amqp_url: String,
}

/// Starts it as a process of its own, with samples of what a real worker reads and writes.
pub fn start(place: &Place, folder: &Path, samples: &Samples) -> anyhow::Result<Process> {
    let (request, result) = (folder.join("request.json"), folder.join("result.json"));
    std::fs::write(&request, &samples.request)?;
    std::fs::write(&result, &samples.result)?;
    let path = |path: &Path| path.to_str().map(str::to_owned).context("a path in UTF-8");
    let command = Command::new(&std::env::current_exe()?, &folder.join("echo.log"));
    let command =
        command.arguments(&["echo", "--request", &path(&request)?, "--result", &path(&result)?]);
    command.with("AMQP_URL", &place.amqp_url).start("the worker that decides nothing")
}

/// What a real worker reads and writes.
#[derive(Debug, Clone)]
pub struct Samples {
    pub request: Vec<u8>,
    pub result: Vec<u8>,
}

/// That process. It ends by a signal, when nothing is under way.
pub async fn echo(echo: &Echo) -> anyhow::Result<()> {
    let job = wire::request::decode(&std::fs::read(&echo.request)?)?;
    let result = std::fs::read_to_string(&echo.result)?;
    let url = SecretString::from(echo.amqp_url.clone());
    let prefetch = u16::try_from(BATCH_MAX * BATCHES_AHEAD)?;
    let mut consumer = Consumer::connect(&url, Source::Common, Some(QUEUE_BYTES_MAX)).await?;
    let pool = broker::pool(&url, "bench: results", 4)?;
    let post = ResultPublisher::open(
        &pool,
        &MaxMessageSize::default(),
        &Arc::default(),
        consumer.settler(),
        0,
    )
    .await?;
    let (sender, receiver) = mpsc::channel(1);
    let publishing = tokio::spawn(post.publish(receiver, Arc::default()));
    consumer.consume(prefetch).await?;
    loop {
        let Ok(room) = sender.reserve().await else { return Ok(publishing.await??) };
        let batch = gather(&mut consumer).await?;
        let pending =
            batch.iter().map(|received| pending_result(received, &job, &result)).collect();
        room.send(pending);
    }
}

/// What has arrived, as a worker gathers it.
async fn gather(consumer: &mut Consumer) -> broker::Result<Vec<Received>> {
    poll_fn(|cx| {
        let mut batch = Vec::new();
        while batch.len() < BATCH_MAX {
            match consumer.poll_next(cx) {
                Poll::Ready(Ok(received)) => batch.push(received),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending if batch.is_empty() => return Poll::Pending,
                Poll::Pending => break,
            }
        }
        Poll::Ready(Ok(batch))
    })
    .await
}

fn pending_result(received: &Received, job: &Job, result: &str) -> PendingResult {
    let messages = outbound::result(received, job, result, false);
    let sending = Sending::default();
    PendingResult { tag: received.tag, messages, kind: Kind::Replayed, sending }
}
