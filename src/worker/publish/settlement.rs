//! What follows from the broker's word on a window.

use crate::broker::publish::message::{ConfirmStatus, Outgoing};
use crate::broker::{BrokerError, Result, topology};
use crate::worker::publish::refused::RefusedResults;
use crate::worker::publish::result_counts::{ResultCounts, record_copies};
use crate::worker::publish::window::{QueuedResult, UnconfirmedMessage};

/// Where the messages of a window go next.
#[derive(Default)]
pub(super) struct Settlement {
    /// Deliveries to be acknowledged: their results are counted.
    pub(super) acknowledged: Vec<u64>,
    pub(super) unconfirmed: Vec<UnconfirmedMessage>,
}

impl Settlement {
    /// Copies are counted, whatever became of them.
    pub(super) fn add_copies(&mut self, copies: Vec<Outgoing>, statuses: Vec<ConfirmStatus>) {
        let mut settled = Vec::with_capacity(copies.len());
        for (copy, status) in copies.into_iter().zip(statuses) {
            match status {
                ConfirmStatus::Unconfirmed => {
                    self.unconfirmed.push(UnconfirmedMessage::Copy(copy));
                }
                status => settled.push(status),
            }
        }
        record_copies(settled);
    }

    /// Results are counted, unless they are to be published again.
    ///
    /// # Errors
    /// When a dead letter came back or is too large: it has no other home.
    pub(super) fn add_results(
        &mut self,
        published: impl Iterator<Item = (QueuedResult, ConfirmStatus)>,
        refused: &mut RefusedResults,
    ) -> Result<()> {
        let mut counts = ResultCounts::default();
        for (queued, status) in published {
            let mut queued = match status {
                ConfirmStatus::Unconfirmed => {
                    self.unconfirmed.push(UnconfirmedMessage::Result(queued.result));
                    continue;
                }
                ConfirmStatus::Refused => match refused.hold(queued) {
                    None => continue,
                    Some(queued) => queued,
                },
                ConfirmStatus::Returned if queued.result.is_dead => {
                    return Err(BrokerError::Unroutable(topology::DEAD));
                }
                ConfirmStatus::TooLarge if queued.result.is_dead => {
                    return Err(BrokerError::TooLarge);
                }
                _ => queued,
            };
            counts.add(status, &mut queued.result);
            self.acknowledged.push(queued.result.tag);
        }
        counts.record();
        Ok(())
    }
}
