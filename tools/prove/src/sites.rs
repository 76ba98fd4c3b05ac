//! Client sites that speak HTTP: most jobs come once, some twice at once, some again much later,
//! some with a key that another content had, some wait for the decision, some ask for the status.

use crate::answer;
use crate::history::Job;
use crate::shared_client::SharedClient;
use crate::world::{CLIENTS, Goods, PLAYERS, Wish};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, mpsc};
use tokio_util::task::TaskTracker;

/// Each permits one new job.
pub type Permits = Arc<Mutex<mpsc::Receiver<()>>>;

/// One of the many hands of the client sites; ends when there are no more permits.
pub async fn hand(shared: Arc<SharedClient>, permits: Permits, seed: u64, late: TaskTracker) {
    let mut rng = StdRng::seed_from_u64(seed);
    while permits.lock().await.recv().await.is_some() {
        let (client, wish) = draw(&shared, &mut rng);
        let job = shared.history().begin(Job::new(client, wish.clone()));
        let key = format!("{seed:x}-{job}");
        let wait = rng.random_bool(0.05).then(|| rng.random_range(1..4));
        let deliver = |seed| shared.deliver(job, &key, wait, seed);
        match rng.random_range(0..100) {
            0..8 => drop(tokio::join!(deliver(rng.random()), deliver(rng.random()))),
            8..12 => {
                let rival = rival_of(&shared, job, &mut rng);
                let other = shared.deliver(rival, &key, wait, rng.random());
                tokio::join!(deliver(rng.random()), other);
            }
            _ => deliver(rng.random()).await,
        }
        let again = rng.random_bool(0.05).then(|| rng.random_range(0..4_000));
        let asks = rng.random_bool(0.05);
        if again.is_some() || asks {
            let (shared, seed) = (Arc::clone(&shared), rng.random());
            late.spawn(async move {
                if let Some(pause) = again {
                    tokio::time::sleep(Duration::from_millis(pause)).await;
                    shared.deliver(job, &key, None, seed).await;
                }
                if asks {
                    ask_status(&shared, job).await;
                }
            });
        }
    }
}

/// What a client wishes next.
pub fn draw(shared: &SharedClient, rng: &mut StdRng) -> (usize, Wish) {
    let goods = match rng.random_range(0..100) {
        0..10 => {
            if let Some((client, code)) = shared.some_coupon(rng) {
                return (client, Wish::Verify { goods: Goods::Cinema, code });
            }
            Goods::Cinema
        }
        10..60 => Goods::Rush,
        60..75 => Goods::Mug,
        75..88 => Goods::Cinema,
        _ => Goods::Gift,
    };
    let amount = if rng.random_bool(0.9) { 1 } else { rng.random_range(2..4) };
    let player = rng.random_range(0..PLAYERS);
    (rng.random_range(0..CLIENTS.len()), Wish::Redeem { goods, player, amount })
}

/// A job with the same key and other content.
fn rival_of(shared: &SharedClient, job: usize, rng: &mut StdRng) -> usize {
    let mut history = shared.history();
    let client = history.jobs[job].client;
    let wish = Wish::Redeem { goods: Goods::Mug, player: rng.random_range(0..PLAYERS), amount: 4 };
    let rival = history.begin(Job { rival: Some(job), ..Job::new(client, wish) });
    history.jobs[job].rival = Some(rival);
    rival
}

/// Asks once; a decision that is told here is an answer like any other.
async fn ask_status(shared: &SharedClient, job: usize) {
    let (client, id) = {
        let job = &shared.history().jobs[job];
        (job.client, job.ids.first().cloned())
    };
    let Some(id) = id else { return };
    if let Ok(status) = shared.status(client, &id).await
        && let Some(heard) = answer::of_status(&status)
    {
        shared.history().hear(job, heard);
    }
}
