//! The book of a channel's unsettled deliveries: which acks to send, without sending any.
//!
//! Tags of a channel are 1, 2, 3, … over all its consumers, whether their deliveries were read or still
//! lie in a buffer.

use std::collections::{BTreeMap, BTreeSet};

/// The unsettled deliveries of one channel, each with what acknowledges it.
pub(super) struct Unsettled<A> {
    ackers: BTreeMap<u64, A>,
    /// All tags up to this one are settled.
    settled_to: u64,
    /// Settled tags above that.
    settled: BTreeSet<u64>,
}

/// The acks that settle some deliveries, in the order in which they must leave.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Acks<A> {
    /// One frame for this delivery and all below it, and how many of them it settles.
    pub(super) cumulative: Option<(A, usize)>,
    /// One frame each.
    pub(super) single: Vec<A>,
}

impl<A> Default for Unsettled<A> {
    fn default() -> Self {
        Self { ackers: BTreeMap::new(), settled_to: 0, settled: BTreeSet::new() }
    }
}

impl<A> Unsettled<A> {
    pub(super) fn add(&mut self, tag: u64, acker: A) {
        self.ackers.insert(tag, acker);
    }

    /// Settles deliveries: those below which all is settled in one frame, the rest singly. (One frame for
    /// more would also acknowledge what lies unread in a buffer.) A tag that is not open is left out.
    pub(super) fn settle(&mut self, tags: &[u64]) -> Acks<A> {
        let mut ackers: BTreeMap<u64, A> = BTreeMap::new();
        for tag in tags {
            if let Some(acker) = self.ackers.remove(tag) {
                self.settled.insert(*tag);
                ackers.insert(*tag, acker);
            }
        }
        while self.settled.remove(&(self.settled_to + 1)) {
            self.settled_to += 1;
        }
        let single = ackers.split_off(&(self.settled_to + 1)).into_values().collect();
        let count = ackers.len();
        Acks { cumulative: ackers.pop_last().map(|(_, last)| (last, count)), single }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each delivery is acknowledged by its own tag.
    fn unsettled(tags: &[u64]) -> Unsettled<u64> {
        let mut unsettled = Unsettled::default();
        tags.iter().for_each(|tag| unsettled.add(*tag, *tag));
        unsettled
    }

    fn acks(cumulative: Option<(u64, usize)>, single: &[u64]) -> Acks<u64> {
        Acks { cumulative, single: single.to_vec() }
    }

    #[test]
    fn one_frame_acknowledges_only_where_all_below_is_settled() {
        let mut unsettled = unsettled(&[1, 2, 3, 4, 5]);
        assert_eq!(unsettled.settle(&[2, 1]), acks(Some((2, 2)), &[]));
        assert_eq!(unsettled.settle(&[5, 4]), acks(None, &[4, 5]));
        assert_eq!(unsettled.settle(&[3]), acks(Some((3, 1)), &[]));
        assert_eq!(unsettled.settled_to, 5);
    }

    #[test]
    fn one_frame_and_single_ones_settle_what_lies_on_both_sides_of_a_gap() {
        let mut unsettled = unsettled(&[1, 2, 4]);
        assert_eq!(unsettled.settle(&[4, 1, 2]), acks(Some((2, 2)), &[4]));
    }

    #[test]
    fn what_lies_unread_in_a_buffer_is_never_acknowledged_along() {
        // Tags 3 and 4 were delivered to the other consumer of the channel, and nobody has polled them.
        let mut unsettled = unsettled(&[1, 2, 5, 6]);
        assert_eq!(unsettled.settle(&[1, 2, 5, 6]), acks(Some((2, 2)), &[5, 6]));
        unsettled.add(3, 3);
        unsettled.add(4, 4);
        assert_eq!(unsettled.settle(&[3, 4]), acks(Some((4, 2)), &[]));
        assert_eq!(unsettled.settled_to, 6);
    }

    #[test]
    fn a_tag_is_acknowledged_once_and_an_unknown_one_never() {
        let mut unsettled = unsettled(&[1]);
        assert_eq!(unsettled.settle(&[1]), acks(Some((1, 1)), &[]));
        assert_eq!(unsettled.settle(&[1, 2]), acks(None, &[]));
        assert_eq!(unsettled.settle(&[]), acks(None, &[]));
        // Had 2 counted as settled, one frame for 3 would acknowledge it along.
        unsettled.add(2, 2);
        unsettled.add(3, 3);
        assert_eq!(unsettled.settle(&[3]), acks(None, &[3]));
    }

    #[test]
    fn a_tag_named_twice_is_acknowledged_once() {
        assert_eq!(unsettled(&[1, 2]).settle(&[2, 2]), acks(None, &[2]));
    }
}
