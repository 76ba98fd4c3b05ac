//! The queues that one consumer takes from.

use crate::broker::topology::definitions::{DEAD_NOTICES, REQUESTS, UNROUTED};
use crate::broker::topology::lanes::definitions::name;

/// What a consumer takes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The queues that every broker has. Several consumers may take from them at a time.
    Common,
    /// One lane, which sends to one consumer at a time.
    Lane(u16),
    /// The dead letters of the broker, which are no lane of requests.
    DeadLetters,
}

impl Source {
    /// The names of its queues.
    pub fn queues(self) -> Vec<String> {
        match self {
            Source::Common => vec![REQUESTS.to_owned(), UNROUTED.to_owned()],
            Source::Lane(number) => vec![name(number)],
            Source::DeadLetters => vec![DEAD_NOTICES.to_owned()],
        }
    }

    /// `common`, `dead`, or the lane's number: the label in metrics and logs.
    pub fn label(self) -> String {
        match self {
            Source::Common => "common".to_owned(),
            Source::Lane(number) => number.to_string(),
            Source::DeadLetters => "dead".to_owned(),
        }
    }
}
