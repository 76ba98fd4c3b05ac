//! Acknowledging deliveries.

use crate::broker::connection::in_time;
use crate::broker::consume::received::Received;
use crate::broker::consume::unsettled::{Acks, Unsettled};
use lapin::Acker;
use lapin::message::Delivery;
use lapin::options::BasicAckOptions;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Settles the deliveries of one channel. Shared by those who take and those who settle.
#[derive(Clone, Default)]
pub struct Settler {
    unsettled: Arc<Mutex<Unsettled<Acker>>>,
    /// Frames must leave in the order in which they were found to be right: one that covers what a later
    /// one names would make that later one an error, which ends the channel.
    order: Arc<tokio::sync::Mutex<()>>,
}

impl Settler {
    pub(super) fn receive(&self, delivery: Delivery) -> Received {
        let (received, acker) = Received::read(delivery);
        self.unsettled().add(received.tag, acker);
        received
    }

    /// Acknowledges deliveries. An ack that can't be sent is no fault: the message is delivered again and
    /// answered from the ledger. Returns how many of them were lost so.
    pub async fn ack(&self, tags: &[u64]) -> usize {
        let _in_turn = self.order.lock().await;
        let Acks { cumulative, single } = self.unsettled().settle(tags);
        let mut lost = 0;
        if let Some((acker, count)) = cumulative {
            lost += if acknowledge(&acker, true).await { 0 } else { count };
        }
        for acker in single {
            lost += usize::from(!acknowledge(&acker, false).await);
        }
        lost
    }

    fn unsettled(&self) -> MutexGuard<'_, Unsettled<Acker>> {
        self.unsettled.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn acknowledge(acker: &Acker, multiple: bool) -> bool {
    let acking = async { Ok(acker.ack(BasicAckOptions { multiple }).await?) };
    matches!(in_time("basic.ack", acking).await, Ok(true))
}
