//! How full the queues are, and who takes from them: asked of the broker every few seconds, by the
//! ingress as well, for a queue that no worker takes from is told by no worker.

use crate::broker::BrokerError;
use crate::broker::inspect::depths::Depths;
use crate::retry::Pauses;
use secrecy::SecretString;
use std::time::Duration;
use tokio::time::sleep;

/// Looks again and again. While nothing can be said, the metrics are NaN: an old number would look
/// like a new one.
pub async fn watch(url: SecretString, every: Duration) {
    let mut pauses = Pauses::new();
    let mut told: Vec<String> = Vec::new();
    loop {
        match Depths::open(&url, "redeemq: queues").await {
            Ok(mut depths) => {
                let error = look_on(&mut depths, every, &mut told, &mut pauses).await;
                tracing::debug!(%error, "cannot read queue depths");
                depths.close().await;
            }
            Err(error) => tracing::debug!(%error, "cannot read queue depths"),
        }
        told.drain(..).for_each(|queue| tell(&queue, f64::NAN, f64::NAN));
        sleep(pauses.draw().max(every)).await;
    }
}

async fn look_on(
    depths: &mut Depths,
    every: Duration,
    told: &mut Vec<String>,
    pauses: &mut Pauses,
) -> BrokerError {
    loop {
        let seen = match depths.read().await {
            Ok(seen) => seen,
            Err(error) => return error,
        };
        for depth in &seen {
            let (messages, consumers) =
                depth.counts.map_or((f64::NAN, f64::NAN), |(messages, consumers)| {
                    (f64::from(messages), f64::from(consumers))
                });
            tell(&depth.queue, messages, consumers);
        }
        *told = seen.into_iter().map(|depth| depth.queue).collect();
        pauses.reset();
        sleep(every).await;
    }
}

fn tell(queue: &str, messages: f64, consumers: f64) {
    let queue = queue.to_owned();
    metrics::gauge!("redeemq_queue_messages", "queue" => queue.clone()).set(messages);
    metrics::gauge!("redeemq_queue_consumers", "queue" => queue).set(consumers);
}
