//! One campaign: load, faults, quiet, last questions, judgement.

use crate::Arguments;
use crate::checker;
use crate::last;
use crate::mirror::mirror;
use crate::nemesis::Nemesis;
use crate::publishers::publisher;
use crate::reader;
use crate::report;
use crate::shared_client::SharedClient;
use crate::sites::{Permits, hand};
use crate::system::System;
use crate::world::World;
use anyhow::Context as _;
use harness::servers::Servers;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Requests of client sites under way at a time.
const HANDS: usize = 64;
const PUBLISHERS: usize = 2;
/// The system gets so long, without a fault and without any progress, before what is missing counts
/// as missing.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs it; whether every promise was kept.
pub async fn run(arguments: &Arguments, seed: u64) -> anyhow::Result<bool> {
    let mut rng = StdRng::seed_from_u64(seed);
    let servers = Servers::from_environment(&arguments.services)?;
    let world = World::for_jobs(arguments.jobs);
    let (system, accounts) = System::start(&servers, &world, &arguments.services).await?;
    reader::prepare(&servers.amqp_url).await.context("the queue of results")?;
    let shared = Arc::new(SharedClient::open(&system, &accounts, world).await?);
    let system = Arc::new(system);

    let reading = tokio::spawn(reader::read(Arc::clone(&shared), servers.amqp_url.clone()));
    let mirroring = tokio::spawn(mirror(servers.amqp_url.clone(), rng.random()));
    let watching = tokio::spawn(report::progress(Arc::clone(&shared), arguments.jobs));
    let longest = Duration::from_secs((arguments.seconds / 3).clamp(5, 30));
    let enough = CancellationToken::new();
    let nemesis = Nemesis {
        system: Arc::clone(&system),
        servers: servers.clone(),
        enough: enough.clone(),
        longest,
    };
    let raging = tokio::spawn(Arc::new(nemesis).rage(rng.random()));

    let late = TaskTracker::new();
    let (clients, permits) = start_clients(&shared, &servers, &late, &mut rng);
    let begun = Instant::now();
    let over = Duration::from_secs(arguments.seconds);
    let calm = tokio::spawn(async move {
        tokio::time::sleep(over).await;
        report::phase("no more faults");
        enough.cancel();
    });
    give_permits(permits, arguments.jobs, over).await;
    let load_ended = crate::nemesis::now();
    calm.await?;
    let faults = raging.await?.context("breaking things")?;
    report::phase("the clients go on until each has been told");
    clients.join_all().await;
    late.close();
    late.wait().await;
    report::phase("waiting for the last results");
    settle(&shared).await;
    mirroring.abort();

    let last = last::ask(&shared, &system, &servers).await?;
    reading.abort();
    watching.abort();
    let history = shared.history();
    let account = checker::judge(&shared.world, &history);
    let kept = report::account(&account, &history, &faults, load_ended, &last);
    report::end(kept, seed, begun.elapsed(), &system.folder);
    Ok(kept)
}

fn start_clients(
    shared: &Arc<SharedClient>,
    servers: &Servers,
    late: &TaskTracker,
    rng: &mut StdRng,
) -> (JoinSet<()>, mpsc::Sender<()>) {
    let (sender, permits) = mpsc::channel(HANDS);
    let permits: Permits = Arc::new(Mutex::new(permits));
    let mut clients = JoinSet::new();
    for _ in 0..PUBLISHERS {
        let url = servers.amqp_url.clone();
        clients.spawn(publisher(Arc::clone(shared), url, Arc::clone(&permits), rng.random()));
    }
    for _ in 0..HANDS {
        let (shared, permits, late) = (Arc::clone(shared), Arc::clone(&permits), late.clone());
        clients.spawn(hand(shared, permits, rng.random(), late));
    }
    (clients, sender)
}

/// At an even pace; clients that could not keep it during a fault catch up after it.
async fn give_permits(permits: mpsc::Sender<()>, jobs: u64, over: Duration) {
    let begun = Instant::now();
    for ticket in 0..jobs {
        let due = over.mul_f64(ticket as f64 / jobs as f64);
        if let Some(early) = due.checked_sub(begun.elapsed()) {
            tokio::time::sleep(early).await;
        }
        if permits.send(()).await.is_err() {
            return;
        }
    }
}

/// Until every job has its result, or nothing has come for a long time.
async fn settle(shared: &SharedClient) {
    let mut last_progress = Instant::now();
    let mut missing = usize::MAX;
    while missing > 0 && last_progress.elapsed() < PATIENCE {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let still = shared.history().unanswered().count();
        if still < missing {
            (missing, last_progress) = (still, Instant::now());
        }
    }
}
