//! The redelivery policy: what a worker does with a delivery, by how often its message was delivered
//! before without being acknowledged.
//!
//! | delivered before | what is done | why |
//! |---|---|---|
//! | at least once | it is tried alone | it may have ended the session before this one, and shall not end its neighbours' attempts |
//! | at least twice | it is deferred until nothing else arrives | whatever it ends is charged to all that the process holds; after a first death the order of arrival still separates it |
//! | at least 5 times | a lane is consumed one delivery at a time; each attempt is on record while it lasts | a broker's restart charges thousands of messages once, which needs neither |
//! | as often, and tried 16 times on record | it is answered from the ledger, or else dead-lettered | its process did not survive 20 redeliveries; what was only prefetched does not count |
//! | more than 100 times | the broker itself moves it to the unrouted queue, and a worker treats it as over the limit | the net under all of the above |

use crate::broker::topology::{BROKER_DELIVERY_LIMIT, DELIVERY_LIMIT};

const ALONE_FROM: i64 = 1;
const DEFERRED_FROM: i64 = 2;
/// A lane's prefetch can't be changed without handing the lane to another worker, so its first few
/// redeliveries are borne.
const OFTEN_FROM: i64 = DELIVERY_LIMIT / 4;

const _: () = assert!(ALONE_FROM < DEFERRED_FROM && DEFERRED_FROM < OFTEN_FROM);
const _: () = assert!(OFTEN_FROM < DELIVERY_LIMIT && 5 * DELIVERY_LIMIT == BROKER_DELIVERY_LIMIT);

/// What is done with a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Policy {
    /// It is a batch of its own.
    pub(crate) goes_alone: bool,
    /// Everything else that has arrived goes first.
    pub(crate) is_deferred: bool,
    /// A lane that is sent nothing better is consumed one delivery at a time.
    pub(crate) is_consumed_singly: bool,
    /// An attempt at it is on record while it lasts.
    pub(crate) is_tried_on_record: bool,
}

/// The policy for a message that was delivered so often before.
pub(crate) const fn policy(delivery_count: i64) -> Policy {
    Policy {
        goes_alone: delivery_count >= ALONE_FROM,
        is_deferred: delivery_count >= DEFERRED_FROM,
        is_consumed_singly: delivery_count >= OFTEN_FROM,
        is_tried_on_record: delivery_count >= OFTEN_FROM,
    }
}

/// Whether a job must not be tried again, by how many attempts at it are on record, the one that is about
/// to begin included. The deliveries before the first of them count as attempts.
pub(crate) const fn is_over_limit(attempts_on_record: i64) -> bool {
    OFTEN_FROM + attempts_on_record - 1 > DELIVERY_LIMIT
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_limit_is_where_the_table_has_it() {
        let (no, yes) = (false, true);
        let table = [
            // delivered before, alone, deferred, singly, on record
            (-1, [no, no, no, no]),
            (0, [no, no, no, no]),
            (1, [yes, no, no, no]),
            (2, [yes, yes, no, no]),
            (4, [yes, yes, no, no]),
            (5, [yes, yes, yes, yes]),
            (100, [yes, yes, yes, yes]),
            (i64::MAX, [yes, yes, yes, yes]),
        ];
        for (delivery_count, expected) in table {
            let Policy { goes_alone, is_deferred, is_consumed_singly, is_tried_on_record } =
                policy(delivery_count);
            let found = [goes_alone, is_deferred, is_consumed_singly, is_tried_on_record];
            assert_eq!(found, expected, "delivered {delivery_count} times before");
        }
    }

    #[test]
    fn a_job_is_tried_sixteen_times_on_record() {
        assert!(!is_over_limit(1));
        assert!(!is_over_limit(16));
        assert!(is_over_limit(17));
    }
}
