//! How full the queues are, and who takes from them: asked of the broker every few seconds, by the
//! ingress as well, for a queue that no worker takes from is told by no worker.

use crate::broker::lanes::{self, Source};
use crate::broker::topology::{DEAD, REQUESTS, SPARE};
use crate::broker::{self, Connection, probe};
use crate::retry::Pauses;
use secrecy::SecretString;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How often the lanes are counted again. The look at the one that is not there costs a line in the
/// broker's log.
const COUNT_EVERY: Duration = Duration::from_secs(600);

/// Looks again and again, on a connection of its own. While nothing can be said, the metrics are NaN:
/// an old number would look like a new one.
pub async fn watch(url: SecretString, every: Duration) {
    let mut pauses = Pauses::new();
    let mut told: Vec<String> = Vec::new();
    loop {
        match broker::connect(&url, "redeemq: queues").await {
            Ok(connection) => {
                let error = look_on(&connection, every, &mut told, &mut pauses).await;
                tracing::debug!(%error, "queues can't be looked at");
                broker::close(connection).await;
            }
            Err(error) => tracing::debug!(%error, "queues can't be looked at"),
        }
        told.drain(..).for_each(|queue| tell(&queue, f64::NAN, f64::NAN));
        sleep(pauses.draw().max(every)).await;
    }
}

/// Until it fails.
async fn look_on(
    connection: &Connection,
    every: Duration,
    told: &mut Vec<String>,
    pauses: &mut Pauses,
) -> broker::BrokerError {
    let mut queues = Vec::new();
    let mut counted_at = None::<Instant>;
    loop {
        if counted_at.is_none_or(|at| at.elapsed() > COUNT_EVERY) {
            match lanes::count(connection).await {
                Ok(lanes) => queues = names(lanes),
                Err(error) => return error,
            }
            counted_at = Some(Instant::now());
        }
        for queue in &queues {
            let (messages, consumers) = match probe::depth(connection, queue).await {
                Ok(Some((messages, consumers))) => (f64::from(messages), f64::from(consumers)),
                Ok(None) => (f64::NAN, f64::NAN),
                Err(error) => return error,
            };
            tell(queue, messages, consumers);
        }
        told.clone_from(&queues);
        pauses.reset();
        sleep(every).await;
    }
}

fn names(lanes: u16) -> Vec<String> {
    let common = [REQUESTS, SPARE, DEAD].map(str::to_owned);
    let lanes = (1..=lanes).flat_map(|number| Source::Lane(number).queues());
    common.into_iter().chain(lanes).collect()
}

fn tell(queue: &str, messages: f64, consumers: f64) {
    let queue = queue.to_owned();
    metrics::gauge!("redeemq_queue_messages", "queue" => queue.clone()).set(messages);
    metrics::gauge!("redeemq_queue_consumers", "queue" => queue).set(consumers);
}
