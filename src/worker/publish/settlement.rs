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
                ConfirmStatus::Returned if queued.result.must_arrive() => {
                    return Err(BrokerError::Unroutable(topology::DEAD));
                }
                ConfirmStatus::TooLarge if queued.result.must_arrive() => {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::worker::publish::fixtures::{message, queued, tags};
    use crate::worker::publish::pending_result::Kind;
    use std::time::Instant;

    const STATUSES: [ConfirmStatus; 5] = [
        ConfirmStatus::Confirmed,
        ConfirmStatus::Returned,
        ConfirmStatus::Refused,
        ConfirmStatus::TooLarge,
        ConfirmStatus::Unconfirmed,
    ];

    /// What becomes of one result: whether it is acknowledged, unconfirmed, held for another try.
    fn fate(kind: Kind, status: ConfirmStatus, held_max: usize) -> Result<[bool; 3]> {
        let (mut settlement, mut refused) = (Settlement::default(), RefusedResults::new(held_max));
        let published = [(queued(7, kind, "acme.goods"), status)].into_iter();
        settlement.add_results(published, &mut refused)?;
        let unconfirmed = tags(&settlement.unconfirmed);
        assert!(settlement.acknowledged.iter().all(|tag| *tag == 7));
        assert!(unconfirmed.iter().all(|tag| *tag == Some(7)));
        Ok([!settlement.acknowledged.is_empty(), !unconfirmed.is_empty(), !refused.is_empty()])
    }

    #[test]
    fn a_result_is_acknowledged_unless_it_is_to_be_published_again() {
        let (acknowledged, unconfirmed, held) =
            ([true, false, false], [false, true, false], [false, false, true]);
        for kind in [Kind::Decided(Instant::now()), Kind::Replayed] {
            for (status, expected) in STATUSES.into_iter().zip([
                acknowledged,
                acknowledged,
                held,
                acknowledged,
                unconfirmed,
            ]) {
                let fate = fate(kind, status, 1).expect("no fault");
                assert_eq!(fate, expected, "{kind:?} {status:?}");
            }
            let fate = fate(kind, ConfirmStatus::Refused, 0).expect("no fault");
            assert_eq!(fate, acknowledged, "{kind:?}: there is no room to hold it");
        }
    }

    #[test]
    fn a_dead_letter_is_acknowledged_only_when_it_lies_in_its_queue() {
        let fate = |status| fate(Kind::DeadLetter(Some("poison")), status, 0);
        assert_eq!(fate(ConfirmStatus::Confirmed).ok(), Some([true, false, false]));
        assert_eq!(fate(ConfirmStatus::Unconfirmed).ok(), Some([false, true, false]));
        assert_eq!(fate(ConfirmStatus::Refused).ok(), Some([false, false, true]));
        let returned = fate(ConfirmStatus::Returned).expect_err("it has no home");
        assert!(matches!(returned, BrokerError::Unroutable("redeem.dead")), "{returned}");
        let large = fate(ConfirmStatus::TooLarge).expect_err("it has no home");
        assert!(matches!(large, BrokerError::TooLarge), "{large}");
    }

    #[test]
    fn of_copies_only_the_unconfirmed_ones_go_on() {
        let mut settlement = Settlement::default();
        settlement.add_copies(STATUSES.map(|_| message("mine")).into(), STATUSES.into());
        assert_eq!(tags(&settlement.unconfirmed), [None]);
        assert!(settlement.acknowledged.is_empty(), "no delivery waits for them");
    }
}
