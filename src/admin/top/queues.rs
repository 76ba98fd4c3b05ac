//! How full queues are, by the broker's word where it is asked and answers, else by the metrics.

use super::sample::Sample;
use super::words;
use crate::broker::BrokerError;
use crate::broker::inspect::depths::{Depth, Depths};
use crate::broker::topology::DEAD;
use crate::retry::Pauses;
use secrecy::SecretString;
use serde::Serialize;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::time::Duration;
use tokio::sync::watch;

/// A queue; what is not known is none.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Queue {
    pub(super) queue: String,
    pub(super) messages: Option<f64>,
    pub(super) consumers: Option<f64>,
    /// Whether it needs attention.
    pub(super) alarm: bool,
}

impl Queue {
    fn new(queue: String, messages: Option<f64>, consumers: Option<f64>) -> Self {
        let alarm = match queue.as_str() {
            DEAD => messages.is_some_and(|letters| letters > 0.0),
            _ => consumers == Some(0.0),
        };
        Self { queue, messages, consumers, alarm }
    }
}

/// All that are known of.
pub(super) fn queues(now: &Sample) -> Vec<Queue> {
    if let Some(Ok(depths)) = &now.queues {
        let queue = |Depth { queue, counts }: &Depth| {
            let (messages, consumers) = counts.unzip();
            Queue::new(queue.clone(), messages.map(f64::from), consumers.map(f64::from))
        };
        return depths.iter().map(queue).collect();
    }
    let (messages, consumers) =
        (told(now, "redeemq_queue_messages"), told(now, "redeemq_queue_consumers"));
    let queue = |(name, messages): (String, f64)| {
        let consumers = consumers.get(&name).copied();
        Queue::new(name, Some(messages), consumers)
    };
    messages.into_iter().map(queue).collect()
}

/// All processes ask the same broker, each at its own time.
fn told(now: &Sample, name: &str) -> BTreeMap<String, f64> {
    let mut told: BTreeMap<String, f64> = BTreeMap::new();
    for series in now.pages().flat_map(|page| page.of(name)) {
        let most = told.entry(series.label("queue").to_owned()).or_insert(series.value);
        *most = most.max(series.value);
    }
    told.retain(|_, value| !value.is_nan());
    told
}

/// What the broker says, none before the first word.
pub(super) type Told = Option<Result<Vec<Depth>, String>>;

/// Asks the broker again and again, and says why when it is away.
pub(super) async fn ask(url: SecretString, every: Duration, told: watch::Sender<Told>) {
    let mut pauses = Pauses::new();
    loop {
        let Err(error) = ask_on(&url, every, &told, &mut pauses).await;
        let why = words::reason(error.to_string().trim_start_matches("broker: "));
        told.send_replace(Some(Err(why)));
        tokio::time::sleep(pauses.draw().max(every)).await;
    }
}

async fn ask_on(
    url: &SecretString,
    every: Duration,
    told: &watch::Sender<Told>,
    pauses: &mut Pauses,
) -> Result<Infallible, BrokerError> {
    let mut depths = Depths::open(url, "redeemq top").await?;
    loop {
        match depths.read().await {
            Ok(seen) => told.send_replace(Some(Ok(seen))),
            Err(error) => {
                depths.close().await;
                return Err(error);
            }
        };
        pauses.reset();
        tokio::time::sleep(every).await;
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::tests::sample;
    use super::*;
    use std::time::Instant;

    const PAGE: &str = "redeemq_queue_messages{queue=\"redeem.dead\"} 0
redeemq_queue_messages{queue=\"redeem.requests\"} 7
redeemq_queue_consumers{queue=\"redeem.requests\"} 0
redeemq_queue_consumers{queue=\"redeem.dead\"} 0\n";

    #[test]
    fn a_queue_without_a_consumer_needs_attention_and_the_dead_queue_only_with_letters() {
        let now = sample(Instant::now(), 0, &[("e", PAGE)]);
        let told: Vec<_> =
            queues(&now).into_iter().map(|q| (q.queue, q.messages, q.alarm)).collect();
        let dead = ("redeem.dead".to_owned(), Some(0.0), false);
        assert_eq!(told, [dead, ("redeem.requests".to_owned(), Some(7.0), true)]);
        let letters = PAGE.replacen('0', "2", 1);
        assert!(queues(&sample(Instant::now(), 0, &[("e", &letters)]))[0].alarm);
    }

    #[test]
    fn what_the_broker_says_itself_counts_more_than_the_metrics() {
        let mut now = sample(Instant::now(), 0, &[("e", PAGE)]);
        let depth = Depth { queue: "redeem.requests".to_owned(), counts: Some((3, 1)) };
        now.queues = Some(Ok(vec![depth]));
        assert_eq!(queues(&now), [Queue::new("redeem.requests".to_owned(), Some(3.0), Some(1.0))]);
        now.queues = Some(Err("gone".to_owned()));
        assert_eq!(queues(&now)[1].messages, Some(7.0));
    }

    #[test]
    fn what_no_process_could_look_at_is_not_shown() {
        let page = PAGE.replace("} 7", "} NaN");
        assert_eq!(queues(&sample(Instant::now(), 0, &[("e", &page)])).len(), 1);
        let told = [("e", page.as_str()), ("f", PAGE)];
        assert_eq!(queues(&sample(Instant::now(), 0, &told))[1].messages, Some(7.0));
    }
}
