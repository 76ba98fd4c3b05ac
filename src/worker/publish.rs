//! Steps 4 and 5 of a batch: publish, and settle what is confirmed.
//!
//! A result that a reader's full queue refuses is tried again for a while, beside the following
//! batches and never in front of them; then it is counted and settled, for it stays fetchable. So is
//! one that is larger than the broker takes. A dead letter has no such second home: it is tried until
//! it is confirmed.

use crate::broker::direct::DirectReplies;
use crate::broker::letters::Letter;
use crate::broker::publisher::{Outgoing, Publisher, Receipt};
use crate::broker::settler::Settler;
use crate::broker::{BrokerError, Result, topology};
use crate::crash::{self, Point};
use std::collections::HashMap;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};

/// How often a refused result is tried again, and after what pause: for 5 s. Tries are counted, not
/// time, for a broker that is blocked answers none, and one that is away begins the session anew.
const REFUSED_TRIES_MAX: u32 = 20;
const REFUSED_TRY_EVERY: Duration = Duration::from_millis(250);
/// Most refused results of one route that are held for another try: held deliveries fill the
/// prefetch, and a flood for one full queue shall not stop the others.
const REFUSED_HELD_MAX: usize = 100;

/// The messages that must be confirmed before a delivery is acknowledged.
#[derive(Debug)]
pub struct Parcel {
    /// The delivery.
    pub tag: u64,
    /// Its messages; copies get one try.
    pub letter: Letter,
    /// Whether it is a dead letter, which must arrive, however long it takes.
    pub is_dead: bool,
}

struct Refused {
    parcel: Parcel,
    tries: u32,
}

/// Publishes parcels until the lane ends or the broker fails.
///
/// # Errors
/// The session is over then: what is not settled is delivered again.
pub async fn publish(
    mut parcels: mpsc::Receiver<Vec<Parcel>>,
    publisher: &Publisher,
    direct: &mut DirectReplies,
    settler: &Settler,
    held_max: usize,
) -> Result<()> {
    let mut refused: Vec<Refused> = Vec::new();
    let mut tick = interval(REFUSED_TRY_EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut open = true;
    while open || !refused.is_empty() {
        let fresh = tokio::select! {
            batch = parcels.recv(), if open => match batch {
                Some(batch) => batch,
                None => { open = false; continue }
            },
            _ = tick.tick(), if !refused.is_empty() => Vec::new(),
        };
        let mut window: Vec<Refused> = Vec::with_capacity(fresh.len());
        if fresh.is_empty() {
            window.append(&mut refused);
        }
        window.extend(fresh.into_iter().map(|parcel| Refused { parcel, tries: 0 }));
        let held_max = if open { held_max } else { 0 };
        publish_window(window, publisher, direct, settler, &mut refused, held_max).await?;
    }
    Ok(())
}

async fn publish_window(
    window: Vec<Refused>,
    publisher: &Publisher,
    direct: &mut DirectReplies,
    settler: &Settler,
    refused: &mut Vec<Refused>,
    held_max: usize,
) -> Result<()> {
    let mut outgoing: Vec<Outgoing> = Vec::with_capacity(window.len());
    outgoing.extend(window.iter().map(|tried| tried.parcel.letter.main.clone()));
    let copies = window.iter().flat_map(|tried| tried.parcel.letter.copies.iter().cloned());
    let (direct_replies, copies): (Vec<_>, Vec<_>) = copies.partition(Outgoing::is_direct_reply);
    outgoing.extend(copies);
    let mut receipts = publisher.publish(&outgoing, true).await?;
    count_copies(&receipts.split_off(window.len()));
    count_copies(&direct.send(&direct_replies).await);

    let mut held: HashMap<_, usize> = HashMap::new();
    for tried in refused.iter() {
        *held.entry(tried.parcel.letter.main.routing_key.clone()).or_default() += 1;
    }
    let mut settled = Vec::with_capacity(window.len());
    for (mut tried, receipt) in window.into_iter().zip(receipts) {
        tried.parcel.letter.copies.clear();
        let route = &tried.parcel.letter.main.routing_key;
        let held = held.entry(route.clone()).or_default();
        let try_again = tried.parcel.is_dead
            || (refused.len() < held_max
                && tried.tries < REFUSED_TRIES_MAX
                && *held < REFUSED_HELD_MAX);
        match receipt {
            Receipt::Returned if tried.parcel.is_dead => {
                return Err(BrokerError::Unroutable(topology::DEAD));
            }
            Receipt::Refused if try_again => {
                *held += 1;
                tried.tries += 1;
                refused.push(tried);
            }
            Receipt::TooLarge if tried.parcel.is_dead => return Err(BrokerError::TooLarge),
            receipt => {
                let outcome = match receipt {
                    Receipt::Returned => "unrouted",
                    Receipt::Refused => "refused",
                    Receipt::TooLarge => "too_large",
                    Receipt::Confirmed if tried.parcel.is_dead => "dead",
                    Receipt::Confirmed => "published",
                };
                metrics::counter!("redeemq_results_total", "outcome" => outcome).increment(1);
                settled.push(tried.parcel.tag);
            }
        }
    }
    crash::point(Point::AfterConfirm);
    let lost = settler.ack(&settled).await;
    crash::point(Point::AtAck);
    metrics::counter!("redeemq_acks_lost_total").increment(lost as u64);
    Ok(())
}

fn count_copies(receipts: &[Receipt]) {
    for receipt in receipts {
        let outcome = match receipt {
            Receipt::Confirmed => "published",
            Receipt::Returned => "gone",
            Receipt::Refused | Receipt::TooLarge => "refused",
        };
        metrics::counter!("redeemq_replies_total", "outcome" => outcome).increment(1);
    }
}
